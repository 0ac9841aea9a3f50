#include "common/json.h"

#include "common/escape.h"

#include <errno.h>
#include <string.h>

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

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool append_base64(const unsigned char *bytes, size_t size, struct buffer *out)
{
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

static bool is_malformed(void)
{
    errno = EILSEQ;
    return false;
}

/* Reads `u00HH`, a control character of C0, DEL or C1. */
static bool append_control(const char *text, size_t size, struct buffer *out)
{
    int high = size < 5 ? -1 : escape_hex_digit(text[3]);
    int low = high < 0 ? -1 : escape_hex_digit(text[4]);
    int code = high * 16 + low;

    if (low < 0 || memcmp(text, "u00", 3) != 0 || (code >= 0x20 && code < 0x7f) || code > 0x9f)
        return is_malformed();
    const unsigned char bytes[2] = {0xc2, (unsigned char)code};
    return code < 0x80 ? buffer_append(out, bytes + 1, 1) : buffer_append(out, bytes, 2);
}

/* Reads the escape after a backslash; returns the bytes it takes, 0: failed. */
static size_t append_escape(const char *text, size_t size, struct buffer *out)
{
    unsigned char byte = '"';
    struct problem problem; /* errno says it */

    if (size > 0 && text[0] == 'u')
        return append_control(text, size, out) ? 5 : 0;
    if (size == 0 || text[0] == 'x' ||
        (text[0] != '"' && escape_read(text, size, &byte, &problem) == 0)) {
        errno = EILSEQ;
        return 0;
    }
    return buffer_append(out, &byte, 1) ? 1 : 0;
}

bool json_undo_string(const void *text, size_t size, struct buffer *out)
{
    const char *at = text;

    while (size > 0) {
        const char *backslash = memchr(at, '\\', size);
        size_t plain = backslash == NULL ? size : (size_t)(backslash - at);
        if (memchr(at, '"', plain) != NULL)
            return is_malformed();
        if (!buffer_append(out, at, plain))
            return false;
        if (plain == size)
            return true;
        size_t escape = append_escape(at + plain + 1, size - plain - 1, out);
        if (escape == 0)
            return false;
        at += plain + 1 + escape;
        size -= plain + 1 + escape;
    }
    return true;
}

/* The value of a digit of base64; -1: it is none. */
static int base64_digit(char c)
{
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);

    return found == NULL ? -1 : (int)(found - alphabet);
}

/* Appends the bytes, 1 to 3, of four digits, of which the last ones may be `=`. */
static bool append_group(const char *four, bool last, struct buffer *out)
{
    size_t digits = last && four[3] == '=' ? (four[2] == '=' ? 2 : 3) : 4;
    unsigned group = 0;
    int digit = 0;

    for (size_t at = 0; at < digits && digit >= 0; at++) {
        digit = base64_digit(four[at]);
        group |= (unsigned)digit << (18 - 6 * at);
    }
    if (digit < 0 || (digits == 2 && (group & 0xffff) != 0) || (digits == 3 && (group & 0xff) != 0))
        return is_malformed();
    const unsigned char bytes[3] = {(unsigned char)(group >> 16),
                                    (unsigned char)(group >> 8 & 0xff),
                                    (unsigned char)(group & 0xff)};
    return buffer_append(out, bytes, digits - 1);
}

bool json_undo_base64(const void *text, size_t size, struct buffer *out)
{
    const char *at = text;

    if (size % 4 != 0)
        return is_malformed();
    for (; size > 0; at += 4, size -= 4)
        if (!append_group(at, size == 4, out))
            return false;
    return true;
}
