/*
 * output.h: standard output, which may be slower than the server. Output is buffered here and
 * written without blocking.
 */
#ifndef TCPACK_CLIENT_OUTPUT_H
#define TCPACK_CLIENT_OUTPUT_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct output {
    int fd;
    bool file; /* a regular file: takes everything at once */
    bool terminal;
    struct buffer pending; /* other parts append lines to it */
    size_t begin;          /* start of the unwritten bytes in `pending` */
};

/* With this many bytes pending, the caller should stop reading replies. */
enum { OUTPUT_PENDING_MAX = 64 * 1024 };

void output_init(struct output *output, int fd);

/* The number of unwritten bytes. */
size_t output_pending(const struct output *output);

/*
 * Calls write() once, with no more bytes than a writable descriptor takes without blocking. Returns
 * false with errno if it fails, and drops the pending bytes.
 */
bool output_write(struct output *output) MUST_USE;

void output_free(struct output *output);

#endif
