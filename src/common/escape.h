/*
 * escape.h: bytes of a peer as text that is safe on a terminal and in a line of its own: `\\`,
 * `\n`, `\r`, `\t`, and `\xHH` for every other control character (also U+0080 to U+009F) and every
 * byte that is not valid UTF-8. Everything else stands for itself; nothing is lost. Pure.
 */
#ifndef TCPACK_COMMON_ESCAPE_H
#define TCPACK_COMMON_ESCAPE_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the escaped form, at most four times as long. False, errno ENOMEM, `out` as it was. */
bool escape_text(const void *bytes, size_t size, struct buffer *out) MUST_USE;

/*
 * How many bytes at the front of bytes[0..size) need no look by themselves: printable ASCII other
 * than `"` and `\`. Fast.
 */
size_t escape_plain(const unsigned char *bytes, size_t size);

/*
 * How many bytes at the front of bytes[0..size) are one character of valid UTF-8 (RFC 3629): 1 to
 * 4; 0 where there is none.
 */
size_t escape_character(const unsigned char *bytes, size_t size);

/* Whether that character, of `length` bytes, is a control character: C0, DEL or C1. */
bool escape_is_control(const unsigned char *character, size_t length);

/*
 * The way back, for texts of the configuration: reads the escape that follows a backslash, one of
 * those that escape_text() writes. Returns the bytes it takes; 0, and *problem (static text), when
 * it is none.
 */
size_t escape_read(const char *text, unsigned char *byte, const char **problem);

/*
 * Appends the bytes that a text with escapes stands for. False, *problem (static text) says why,
 * and `out` as it was.
 */
bool escape_decode(const char *text, struct buffer *out, const char **problem) MUST_USE;

#endif
