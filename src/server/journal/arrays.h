/*
 * arrays.h: arrays as PostgreSQL takes them in its binary format: parameters of a statement that
 * inserts many rows at once. Pure.
 */
#ifndef TCPACK_SERVER_JOURNAL_ARRAYS_H
#define TCPACK_SERVER_JOURNAL_ARRAYS_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types of elements: object identifiers of PostgreSQL (pg_type.dat), which never change. */
enum array_type { ARRAY_OF_BYTEA = 17, ARRAY_OF_BIGINT = 20, ARRAY_OF_TEXT = 25 };

/* {.type = ...} is an empty array. Its owner calls array_free(). */
struct array {
    enum array_type type;
    struct buffer bytes; /* what PostgreSQL takes, once array_finish() was called */
    uint32_t count;
    bool has_null;
};

/* Appends an element; `bytes` NULL: the element is NULL. False with errno ENOMEM, nothing added. */
bool array_add(struct array *array, const void *bytes, size_t size) MUST_USE;

/* The same for ARRAY_OF_BIGINT. */
bool array_add_number(struct array *array, int64_t number) MUST_USE;

/* Removes the elements after the first `count`; `size` is what bytes.size was with these. */
void array_cut(struct array *array, uint32_t count, size_t size);

/* Writes the header. The array must have an element. */
void array_finish(struct array *array);

/* Empties it; a buffer of more than `kept` bytes is freed. */
void array_clear(struct array *array, size_t kept);

void array_free(struct array *array);

#endif
