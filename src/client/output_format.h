/* output_format.h: an acknowledgement as a line of tcpack's output. Pure. */
#ifndef TCPACK_CLIENT_OUTPUT_FORMAT_H
#define TCPACK_CLIENT_OUTPUT_FORMAT_H

#include "client/acknowledgement.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>

enum output_format {
    OUTPUT_FORMAT_NONE,
    OUTPUT_FORMAT_RAW,     /* the reply's bytes as they came */
    OUTPUT_FORMAT_ESCAPED, /* the same, safe on a terminal */
    OUTPUT_FORMAT_JSON, /* one object: line, seq where the reply carries one, latency_us, reply */
};

/* Appends the line. False with errno ENOMEM, and `out` as it was. */
bool output_format_append(enum output_format format, const struct acknowledgement *acknowledgement,
                          struct buffer *out) MUST_USE;

/*
 * The first number in the reply that is a word of its own, with blanks, punctuation or nothing
 * around it: with a reply as `OK {seq}` it is the record's. False where there is none.
 */
bool output_format_seq(const unsigned char *reply, size_t size, uint64_t *seq);

#endif
