/*
 * lines.h: cuts what is read from the input into lines, each a message. Lines may have any length
 * and hold any byte but LF; a carriage return stays in its line; the last one needs no LF. Instead
 * of LF, NUL may end them. Pure: the caller reads and hands over where the bytes are.
 */
#ifndef TCPACK_CLIENT_LINES_H
#define TCPACK_CLIENT_LINES_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: nothing read yet; lines end with LF. Its owner calls lines_free(). */
struct lines {
    bool nul;            /* they end with NUL; set before anything is read */
    bool whole;          /* a last one without an ending is none; set likewise */
    struct buffer bytes; /* before `begin`: lines that were taken */
    size_t begin;        /* where the next line begins */
    size_t scanned;      /* after begin: known to hold no LF */
    uint64_t taken;      /* lines taken so far: the number of the last one */
    uint64_t offset;     /* bytes of the input that the lines taken had, endings too */
    bool ended;          /* no more will be read */
    size_t unended;      /* bytes of a last one that is none */
};

/* Room for `size` bytes more; NULL with errno ENOMEM. Lines taken before are gone afterwards. */
unsigned char *lines_room(struct lines *lines, size_t size) MUST_USE;

/* `size` bytes were written there. */
void lines_added(struct lines *lines, size_t size);

/* The input is at its end: what is left is the last line. */
void lines_end(struct lines *lines);

/* Whether all that was read so far was taken. */
bool lines_are_taken(const struct lines *lines);

/* Whether all was read and taken. */
bool lines_are_done(const struct lines *lines);

/*
 * Takes the next line, without its LF or NUL; it is valid until the next lines_room(). False: there
 * is no whole line yet, or, after lines_end(), none any more.
 */
bool lines_take(struct lines *lines, const unsigned char **line, size_t *size) MUST_USE;

void lines_free(struct lines *lines);

#endif
