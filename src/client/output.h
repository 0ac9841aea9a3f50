/*
 * output.h: standard output, which may be slower than the server: what is to be written is kept
 * here until it takes it, and is never waited for elsewhere.
 */
#ifndef TCPACK_CLIENT_OUTPUT_H
#define TCPACK_CLIENT_OUTPUT_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct output {
    int fd;
    bool file; /* a regular file takes everything at once */
    bool terminal;
    struct buffer pending; /* anyone may append lines to it */
    size_t begin;          /* of pending: what was not written yet */
};

/* More than that pending, and no more replies should be taken. */
enum { OUTPUT_PENDING_MAX = 64 * 1024 };

void output_init(struct output *output, int fd);

/* Bytes that were not written yet. */
size_t output_pending(const struct output *output);

/*
 * Writes once, what a descriptor that can be written takes without blocking. False with errno when
 * it cannot be written; then nothing is pending any more.
 */
bool output_write(struct output *output) MUST_USE;

void output_free(struct output *output);

#endif
