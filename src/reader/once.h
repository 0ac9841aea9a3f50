/*
 * once.h: which numbered messages were seen, and with which text. Pure.
 *
 * It keeps, for each number of each NAME, a hash of the message: about 20 bytes a message where
 * numbers follow each other, at most 250 where none follows another.
 */
#ifndef TCPACK_READER_ONCE_H
#define TCPACK_READER_ONCE_H

#include "common/compiler.h"
#include "common/numbered.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct once_numbers;

/* Zeroed but for `seed` it has seen nothing. Its owner calls once_free(). */
struct once {
    uint64_t seed[2]; /* who does not know it cannot make two messages be taken for one */
    struct once_numbers *table;
    size_t used; /* of table */
    size_t capacity;
};

enum once_result {
    ONCE_NEW,
    ONCE_REPEAT,  /* the same message was seen before */
    ONCE_CHANGED, /* another text was seen under its number, and this one was not */
    ONCE_FAILED,  /* no memory */
};

/* Looks up a message, which is numbered, and notes it. */
enum once_result once_see(struct once *once, const struct numbered *numbered, const void *message,
                          size_t size) MUST_USE;

void once_free(struct once *once);

#endif
