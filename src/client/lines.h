/*
 * lines.h: divides the input into lines. Each line is a message. A line may have any length and
 * contain any byte except LF. A carriage return stays in its line. The last line needs no LF. With
 * `nul`, lines end with NUL instead of LF. Pure: the caller reads the input into lines_room().
 */
#ifndef TCPACK_CLIENT_LINES_H
#define TCPACK_CLIENT_LINES_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed struct has read nothing; its lines end with LF. The caller calls lines_free() later. */
struct lines {
    bool nul;            /* lines end with NUL; set it before reading */
    bool whole;          /* a last line without an ending does not count; set it before reading */
    struct buffer bytes; /* before `begin`: lines already taken */
    size_t begin;        /* start of the next line */
    size_t scanned;      /* bytes after `begin` known to contain no LF */
    uint64_t taken;      /* number of lines taken, which is the number of the last one */
    uint64_t offset;     /* bytes of these lines in the input, with their endings */
    bool ended;          /* the input has ended */
    size_t unended;      /* bytes of a last line that does not count */
};

/*
 * Returns room for `size` more bytes, or NULL with errno ENOMEM. Lines taken before are no longer
 * valid.
 */
unsigned char *lines_room(struct lines *lines, size_t size) MUST_USE;

/* The caller has written `size` bytes to the room. */
void lines_added(struct lines *lines, size_t size);

/* The input has ended: any bytes left are the last line. */
void lines_end(struct lines *lines);

/* Whether all bytes read so far have been taken. */
bool lines_are_taken(const struct lines *lines);

/* Whether the input has ended and all lines have been taken. */
bool lines_are_done(const struct lines *lines);

/*
 * Takes the next line, without its LF or NUL. It is valid until the next lines_room(). Returns
 * false if there is no complete line yet or, after lines_end(), no line left.
 */
bool lines_take(struct lines *lines, const unsigned char **line, size_t *size) MUST_USE;

void lines_free(struct lines *lines);

#endif
