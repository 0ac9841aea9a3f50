/*
 * numbered.h: messages that begin with `NAME SP NUMBER SP`, by which a repeat is known. NAME is 1
 * to 64 of `A-Z a-z 0-9 . _ -`; NUMBER is decimal, 1 to 2^63-1, without a leading zero. Pure.
 */
#ifndef TCPACK_COMMON_NUMBERED_H
#define TCPACK_COMMON_NUMBERED_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBERED_NAME_MAX = 64 };

#define NUMBERED_MAX ((uint64_t)INT64_MAX)

struct numbered {
    const char *name; /* in the message, without a NUL */
    size_t name_size;
    uint64_t number;
    size_t size; /* bytes of the message up to what follows the second blank */
};

bool numbered_is_name(const char *text, size_t size);

/* Whether the message is numbered; then *numbered says how. */
bool numbered_read(const void *message, size_t size, struct numbered *numbered);

/* Appends `NAME NUMBER ` for a message to follow. False with errno ENOMEM, `out` as it was. */
bool numbered_append(const char *name, uint64_t number, struct buffer *out) MUST_USE;

#endif
