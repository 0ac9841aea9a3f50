#include "common/json.h"

#include "common/escape.h"

/* RFC 8259, section 7. C1 controls, U+0080 to U+009F, are escaped with \u too. */
#define DIGIT(number) ('0' + (number) + (number) / 10 * ('a' - '0' - 10))
#define IS_SELF(byte) ((byte) >= 0x20 && (byte) < 0x7f && (byte) != '\\' && (byte) != '"')
#define LETTER(byte)                                                                               \
    ((byte) == '\\' || (byte) == '"' ? (byte)                                                      \
     : (byte) == '\n'                ? 'n'                                                         \
     : (byte) == '\r'                ? 'r'                                                         \
     : (byte) == '\t'                ? 't'                                                         \
                                     : 0)
#define FORM(byte)                                                                                 \
    {                                                                                              \
        {IS_SELF(byte) ? (byte) : '\\',                                                            \
         LETTER(byte) != 0 ? LETTER(byte) : 'u',                                                   \
         '0',                                                                                      \
         '0',                                                                                      \
         DIGIT((byte) >> 4),                                                                       \
         DIGIT((byte)&15)},                                                                        \
            IS_SELF(byte)       ? 1                                                                \
            : LETTER(byte) != 0 ? 2                                                                \
                                : 6                                                                \
    }

static const struct escape_form json_forms[256] = {ESCAPE_256(FORM)};

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

/* Appends `"KEY":"`, with `suffix` added to the key. */
static bool append_key(const char *key, const char *suffix, struct buffer *out)
{
    return buffer_append_text(out, "\"") && buffer_append_text(out, key) &&
           buffer_append_text(out, suffix) && buffer_append_text(out, "\":\"");
}

bool json_append_member(const char *key, const void *bytes, size_t size, struct buffer *out)
{
    size_t before = out->size;

    if (!append_key(key, "", out))
        return false;
    switch (escape_append(json_forms, ESCAPE_INVALID_REFUSED, bytes, size, out)) {
    case ESCAPE_DONE:
        return buffer_append_text(out, "\"");
    case ESCAPE_NO_MEMORY:
        return false;
    case ESCAPE_REFUSED:
        break;
    }
    out->size = before;
    return append_key(key, "_base64", out) && append_base64(bytes, size, out) &&
           buffer_append_text(out, "\"");
}
