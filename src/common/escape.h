/*
 * escape.h: bytes of a peer as text that is safe on a terminal and in a line of its own: `\\`,
 * `\n`, `\r`, `\t`, and `\xHH` for every other control character (also U+0080 to U+009F) and every
 * byte that is not valid UTF-8. Everything else is left as it is; nothing is lost. Pure.
 */
#ifndef TCPACK_COMMON_ESCAPE_H
#define TCPACK_COMMON_ESCAPE_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the escaped form, at most four times as long. False with errno ENOMEM, `out` unchanged.
 */
bool escape_text(const void *bytes, size_t size, struct buffer *out) MUST_USE;

/* How a byte is written: text[0..size). */
struct escape_form {
    unsigned char text[7];
    unsigned char size;
};

/* A table of 256 forms, each made by the macro FORM(byte). */
#define ESCAPE_4(FORM, byte) FORM(byte), FORM((byte) + 1), FORM((byte) + 2), FORM((byte) + 3)
#define ESCAPE_16(FORM, byte)                                                                      \
    ESCAPE_4(FORM, byte), ESCAPE_4(FORM, (byte) + 4), ESCAPE_4(FORM, (byte) + 8),                  \
        ESCAPE_4(FORM, (byte) + 12)
#define ESCAPE_64(FORM, byte)                                                                      \
    ESCAPE_16(FORM, byte), ESCAPE_16(FORM, (byte) + 16), ESCAPE_16(FORM, (byte) + 32),             \
        ESCAPE_16(FORM, (byte) + 48)
#define ESCAPE_256(FORM)                                                                           \
    ESCAPE_64(FORM, 0), ESCAPE_64(FORM, 64), ESCAPE_64(FORM, 128), ESCAPE_64(FORM, 192)

enum escape_invalid {
    ESCAPE_INVALID_TAKEN,   /* invalid UTF-8 and C1 characters are escaped byte by byte */
    ESCAPE_INVALID_REFUSED, /* invalid UTF-8 is refused; a C1 character is escaped as a number */
};

enum escape_result { ESCAPE_DONE, ESCAPE_NO_MEMORY, ESCAPE_REFUSED };

/*
 * Appends each ASCII byte in its form from `forms`, and other valid characters as they are. Unless
 * it is done, `out` is unchanged; errno is ENOMEM for NO_MEMORY. No byte costs much more than
 * another.
 */
enum escape_result escape_append(const struct escape_form forms[256], enum escape_invalid invalid,
                                 const void *bytes, size_t size, struct buffer *out) MUST_USE;

/*
 * How many bytes at the front of bytes[0..size) are printable ASCII other than `"` and `\`, which
 * nothing escapes. Fast.
 */
size_t escape_plain(const unsigned char *bytes, size_t size);

/*
 * How many bytes at the front of bytes[0..size) are one character of valid UTF-8 (RFC 3629): 1 to
 * 4; 0 if there is none.
 */
size_t escape_character(const unsigned char *bytes, size_t size);

/* Whether that character, of `length` bytes, is a control character: C0, DEL or C1. */
bool escape_is_control(const unsigned char *character, size_t length);

/*
 * The reverse: reads the escape whose backslash is before text[0..size), one of those that
 * escape_text() writes. Returns the bytes it takes; 0, and the problem, if it is not one.
 */
size_t escape_read(const char *text, size_t size, unsigned char *byte, struct problem *problem);

/* The value of a hexadecimal digit of either case; -1: it is none. */
int escape_hex_digit(char c);

/*
 * Appends the bytes that a text with escapes stands for. False with the problem, `out` unchanged
 * and errno EILSEQ or ENOMEM.
 */
bool escape_decode(const char *text, size_t size, struct buffer *out,
                   struct problem *problem) MUST_USE;

#endif
