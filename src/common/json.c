#include "common/json.h"

#include "common/escape.h"

/* Appends one character of valid UTF-8 as JSON writes it (RFC 8259, section 7). */
static bool append_character(const unsigned char *character, size_t length, struct buffer *out)
{
    switch (character[0]) {
    case '"':
        return buffer_append_text(out, "\\\"");
    case '\\':
        return buffer_append_text(out, "\\\\");
    case '\n':
        return buffer_append_text(out, "\\n");
    case '\r':
        return buffer_append_text(out, "\\r");
    case '\t':
        return buffer_append_text(out, "\\t");
    default:
        break;
    }
    if (!escape_is_control(character, length))
        return buffer_append(out, character, length);
    return buffer_printf(out, "\\u%04x", (unsigned)character[length - 1]); /* U+0080 is C2 80 */
}

static bool is_utf8(const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        size_t length = escape_plain(bytes, size);
        if (length == 0)
            length = escape_character(bytes, size);
        if (length == 0)
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

static bool append_string(const unsigned char *bytes, size_t size, struct buffer *out)
{
    while (size > 0) {
        size_t length = escape_plain(bytes, size);
        bool appended;
        if (length > 0) {
            appended = buffer_append(out, bytes, length);
        } else {
            length = escape_character(bytes, size);
            appended = append_character(bytes, length, out);
        }
        if (!appended)
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

static bool append_base64(const unsigned char *bytes, size_t size, struct buffer *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (; size > 0; bytes += 3, size -= 3) {
        unsigned second = size > 1 ? bytes[1] : 0;
        unsigned third = size > 2 ? bytes[2] : 0;
        unsigned group = (unsigned)bytes[0] << 16 | second << 8 | third;
        const char four[4] = {
            alphabet[group >> 18],
            alphabet[group >> 12 & 63],
            size > 1 ? alphabet[group >> 6 & 63] : '=',
            size > 2 ? alphabet[group & 63] : '=',
        };
        if (!buffer_append(out, four, sizeof four))
            return false;
        if (size < 3)
            break;
    }
    return true;
}

bool json_append_member(const char *key, const void *bytes, size_t size, struct buffer *out)
{
    bool text = is_utf8(bytes, size);

    return buffer_append_text(out, "\"") && buffer_append_text(out, key) &&
           buffer_append_text(out, text ? "\":\"" : "_base64\":\"") &&
           (text ? append_string : append_base64)(bytes, size, out) &&
           buffer_append_text(out, "\"");
}
