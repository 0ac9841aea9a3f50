#include "common/escape.h"

#include <errno.h>
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
 * Not 0 if a byte of the word is not plain. Each term has the top bit of the lowest such byte
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
    if (size >= WORD && size - at < WORD && not_plain(bytes + size - WORD) == 0)
        return size; /* the last word overlaps the one before it */
    while (at < size && is_plain(bytes[at]))
        at++;
    return at;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* escape_character() of 1 byte or more. */
static inline size_t character(const unsigned char *bytes, size_t size)
{
    unsigned char first = bytes[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4) /* a continuation, an overlong form, above U+10FFFF */
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

size_t escape_character(const unsigned char *bytes, size_t size)
{
    return size == 0 ? 0 : character(bytes, size);
}

bool escape_is_control(const unsigned char *character, size_t length)
{
    if (length == 1)
        return character[0] < 0x20 || character[0] == 0x7f;
    return length == 2 && character[0] == 0xc2 && character[1] < 0xa0;
}

#define DIGIT(number) ('0' + (number) + (number) / 10 * ('A' - '0' - 10))
#define IS_SELF(byte) ((byte) >= 0x20 && (byte) < 0x7f && (byte) != '\\')
#define LETTER(byte)                                                                               \
    ((byte) == '\\' ? '\\' : (byte) == '\n' ? 'n' : (byte) == '\r' ? 'r' : (byte) == '\t' ? 't' : 0)
#define FORM(byte)                                                                                 \
    {                                                                                              \
        {IS_SELF(byte) ? (byte) : '\\', LETTER(byte) != 0 ? LETTER(byte) : 'x',                    \
         DIGIT((byte) >> 4), DIGIT((byte)&15)},                                                    \
            IS_SELF(byte)       ? 1                                                                \
            : LETTER(byte) != 0 ? 2                                                                \
                                : 4                                                                \
    }

static const struct escape_form text_forms[256] = {ESCAPE_256(FORM)};

/* Bytes escaped between two reservations of memory. */
enum { CHUNK = 512 };

/* The bytes not yet read, and where the next form goes. */
struct escaping {
    const struct escape_form *forms;
    const unsigned char *at;
    const unsigned char *end;
    unsigned char *to;
};

/* Writes eight bytes; those after the form's size are overwritten or never used. */
static void put(struct escaping *escaping, unsigned char byte)
{
    const struct escape_form *form = &escaping->forms[byte];

    memcpy(escaping->to, form, sizeof *form);
    escaping->to += form->size;
}

/* Two bytes that are a character, except C1. */
static inline bool is_pair(const unsigned char *bytes)
{
    return bytes[0] >= 0xc3 && bytes[0] < 0xe0 && is_continuation(bytes[1]);
}

/* Three bytes that are a character above U+1000, except those that begin as surrogates do. */
static inline bool is_triple(const unsigned char *bytes)
{
    return bytes[0] >= 0xe1 && bytes[0] < 0xf0 && bytes[0] != 0xed && is_continuation(bytes[1]) &&
           is_continuation(bytes[2]);
}

/* Writes the next characters as long as they are common non-ASCII ones. Fast. */
static void put_common(struct escaping *escaping, const unsigned char *limit)
{
    const unsigned char *at = escaping->at;
    unsigned char *to = escaping->to;

    while (limit - at >= 3) {
        size_t size = is_pair(at) ? 2 : is_triple(at) ? 3 : 0;
        if (size == 0)
            break;
        to[0] = at[0];
        to[1] = at[1];
        to[2] = at[2]; /* for a pair, the next character overwrites it */
        at += size;
        to += size;
    }
    escaping->at = at;
    escaping->to = to;
}

/* Writes a character, or an invalid byte, that is not ASCII. False: it is refused. */
static bool put_character(struct escaping *escaping, enum escape_invalid invalid)
{
    size_t length = character(escaping->at, (size_t)(escaping->end - escaping->at));

    if (length == 0 && invalid == ESCAPE_INVALID_REFUSED)
        return false;
    if (length == 0 || escape_is_control(escaping->at, length)) {
        /* U+0080 to U+009F are C2 80 to C2 9F: the second byte is the number. */
        if (length > 0 && invalid == ESCAPE_INVALID_REFUSED)
            escaping->at++;
        else if (length > 0)
            put(escaping, *escaping->at++);
        put(escaping, *escaping->at++);
        return true;
    }
    for (size_t at = 0; at < length; at++)
        escaping->to[at] = escaping->at[at];
    escaping->at += length;
    escaping->to += length;
    return true;
}

/* Writes what begins before `limit`. */
static bool put_until(struct escaping *escaping, const unsigned char *limit,
                      enum escape_invalid invalid)
{
    while (escaping->at < limit) {
        size_t left = (size_t)(limit - escaping->at);
        if (left >= WORD && not_plain(escaping->at) == 0) {
            size_t plain = escape_plain(escaping->at, left);
            memcpy(escaping->to, escaping->at, plain);
            escaping->at += plain;
            escaping->to += plain;
            continue;
        }
        for (size_t count = left < WORD ? left : WORD; count > 0 && escaping->at < limit; count--)
            if (*escaping->at < 0x80)
                put(escaping, *escaping->at++);
            else if (!put_character(escaping, invalid))
                return false;
        put_common(escaping, limit);
    }
    return true;
}

enum escape_result escape_append(const struct escape_form forms[256], enum escape_invalid invalid,
                                 const void *bytes, size_t size, struct buffer *out)
{
    const unsigned char *first = size > 0 ? bytes : (const unsigned char *)""; /* NULL has no end */
    struct escaping escaping = {.forms = forms, .at = first, .end = first + size};
    size_t before = out->size;

    while (escaping.at < escaping.end) {
        size_t left = (size_t)(escaping.end - escaping.at);
        size_t now = left < CHUNK ? left : CHUNK;
        escaping.to = buffer_reserve(out, (now + 4) * sizeof(struct escape_form));
        bool done = escaping.to != NULL && put_until(&escaping, escaping.at + now, invalid);
        if (!done) {
            out->size = before;
            return escaping.to == NULL ? ESCAPE_NO_MEMORY : ESCAPE_REFUSED;
        }
        out->size = (size_t)(escaping.to - out->bytes);
    }
    return ESCAPE_DONE;
}

bool escape_text(const void *bytes, size_t size, struct buffer *out)
{
    if (size <= CHUNK && escape_plain(bytes, size) == size) /* most messages */
        return buffer_append(out, bytes, size);
    return escape_append(text_forms, ESCAPE_INVALID_TAKEN, bytes, size, out) == ESCAPE_DONE;
}

int escape_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t escape_read(const char *text, size_t size, unsigned char *byte, struct problem *problem)
{
    static const char letters[] = "nrt\\";
    static const char bytes[] = "\n\r\t\\";

    if (size > 0 && *text == 'x') {
        int high = size < 3 ? -1 : escape_hex_digit(text[1]);
        int low = high < 0 ? -1 : escape_hex_digit(text[2]);
        if (low < 0) {
            problem_set(problem, "\"\\x\" needs two hexadecimal digits, as in \\x0a");
            return 0;
        }
        *byte = (unsigned char)(high * 16 + low);
        return 3;
    }
    const char *letter = size == 0 ? NULL : memchr(letters, *text, sizeof letters - 1);
    if (letter == NULL) {
        problem_set(problem, "unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known");
        return 0;
    }
    *byte = (unsigned char)bytes[letter - letters];
    return 1;
}

bool escape_decode(const char *text, size_t size, struct buffer *out, struct problem *problem)
{
    unsigned char *bytes = buffer_reserve(out, size); /* none gets longer */
    size_t decoded = 0;

    if (bytes == NULL)
        return problem_set(problem, "not enough memory");
    while (size > 0) {
        const char *backslash = memchr(text, '\\', size);
        size_t plain = backslash == NULL ? size : (size_t)(backslash - text);
        memcpy(bytes + decoded, text, plain);
        decoded += plain;
        text += plain;
        size -= plain;
        if (size == 0)
            break;
        size_t escape = escape_read(text + 1, size - 1, &bytes[decoded++], problem);
        if (escape == 0) {
            errno = EILSEQ;
            return false;
        }
        text += 1 + escape;
        size -= 1 + escape;
    }
    out->size += decoded;
    return true;
}
