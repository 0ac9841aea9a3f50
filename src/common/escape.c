#include "common/escape.h"

#include <stdint.h>
#include <string.h>

/* Eight bytes at once: a word in which every byte is `byte`. */
#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { WORD = sizeof(uint64_t), BLOCK = 8 * WORD }; /* bytes */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/*
 * Not 0 where a byte of the word is not plain. Each term has the top bit of the lowest such byte
 * set: adding and subtracting carry into higher bytes only, and carry only out of such a byte.
 */
static uint64_t not_plain(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    uint64_t quote = word ^ EVERY('"');
    uint64_t backslash = word ^ EVERY('\\');
    return (word | (word - EVERY(0x20)) | (word + EVERY(1)) | (quote - EVERY(1)) |
            (backslash - EVERY(1))) &
           EVERY(0x80);
}

/* Without a branch on each word, so that compilers use vectors. */
static bool is_plain_block(const unsigned char *bytes)
{
    uint64_t other = 0;

    for (size_t at = 0; at < BLOCK; at += WORD)
        other |= not_plain(bytes + at);
    return other == 0;
}

size_t escape_plain(const unsigned char *bytes, size_t size)
{
    size_t at = 0;

    while (size - at >= BLOCK && is_plain_block(bytes + at))
        at += BLOCK;
    while (size - at >= WORD && not_plain(bytes + at) == 0)
        at += WORD;
    while (at < size && is_plain(bytes[at]))
        at++;
    return at;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t escape_character(const unsigned char *bytes, size_t size)
{
    if (size == 0)
        return 0;
    unsigned char first = bytes[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4) /* a continuation, an overlong form, beyond U+10FFFF */
        return 0;
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size < length)
        return 0;
    for (size_t at = 1; at < length; at++)
        if (!is_continuation(bytes[at]))
            return 0;
    bool overlong = (first == 0xe0 && bytes[1] < 0xa0) || (first == 0xf0 && bytes[1] < 0x90);
    bool surrogate = first == 0xed && bytes[1] > 0x9f;
    bool beyond = first == 0xf4 && bytes[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool escape_is_control(const unsigned char *character, size_t length)
{
    if (length == 1)
        return character[0] < 0x20 || character[0] == 0x7f;
    return length == 2 && character[0] == 0xc2 && character[1] < 0xa0;
}

static bool append_escaped_byte(unsigned char byte, struct buffer *out)
{
    switch (byte) {
    case '\\':
        return buffer_append(out, "\\\\", 2);
    case '\n':
        return buffer_append(out, "\\n", 2);
    case '\r':
        return buffer_append(out, "\\r", 2);
    case '\t':
        return buffer_append(out, "\\t", 2);
    default: {
        static const char digits[] = "0123456789ABCDEF";
        const char escaped[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
        return buffer_append(out, escaped, sizeof escaped);
    }
    }
}

/* Appends the first character, or byte, in its escaped form and returns its length; 0: no memory.
 */
static size_t append_next(const unsigned char *bytes, size_t size, struct buffer *out)
{
    size_t plain = escape_plain(bytes, size);
    if (plain == 0 && bytes[0] != '\\') {
        size_t length = escape_character(bytes, size);
        if (length > 0 && !escape_is_control(bytes, length))
            plain = length;
    }
    if (plain > 0)
        return buffer_append(out, bytes, plain) ? plain : 0;
    return append_escaped_byte(bytes[0], out) ? 1 : 0;
}

bool escape_text(const void *bytes, size_t size, struct buffer *out)
{
    const unsigned char *at = bytes;
    size_t before = out->size;

    while (size > 0) {
        size_t done = append_next(at, size, out);
        if (done == 0) {
            out->size = before;
            return false;
        }
        at += done;
        size -= done;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t escape_read(const char *text, unsigned char *byte, const char **problem)
{
    static const char letters[] = "nrt\\";
    static const char bytes[] = "\n\r\t\\";

    if (*text == 'x') {
        int high = hex_digit(text[1]);
        int low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0) {
            *problem = "\"\\x\" needs two hexadecimal digits, as in \\x0a";
            return 0;
        }
        *byte = (unsigned char)(high * 16 + low);
        return 3;
    }
    const char *letter = *text == '\0' ? NULL : strchr(letters, *text);
    if (letter == NULL) {
        *problem = "unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known";
        return 0;
    }
    *byte = (unsigned char)bytes[letter - letters];
    return 1;
}

bool escape_decode(const char *text, struct buffer *out, const char **problem)
{
    unsigned char *bytes = buffer_reserve(out, strlen(text)); /* none gets longer */
    size_t size = 0;

    *problem = "not enough memory";
    if (bytes == NULL)
        return false;
    while (*text != '\0') {
        size_t taken = 1;
        bytes[size] = (unsigned char)*text;
        if (*text == '\\') {
            taken = 1 + escape_read(text + 1, &bytes[size], problem);
            if (taken == 1)
                return false;
        }
        text += taken;
        size++;
    }
    out->size += size;
    return true;
}
