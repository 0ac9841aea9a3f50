/* output_format.h: formats an acknowledgement as a line of tcpack's output. Pure. */
#ifndef TCPACK_CLIENT_OUTPUT_FORMAT_H
#define TCPACK_CLIENT_OUTPUT_FORMAT_H

#include "client/acknowledgement.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>

enum output_format {
    OUTPUT_FORMAT_NONE,
    OUTPUT_FORMAT_RAW,     /* the bytes of the reply, unchanged */
    OUTPUT_FORMAT_ESCAPED, /* the reply, escaped for a terminal */
    OUTPUT_FORMAT_JSON,    /* an object: line, txnr or seq (if there is one), latency_us, reply */
};

/* Appends the line. Returns false with errno ENOMEM and leaves `out` unchanged. */
bool output_format_append(enum output_format format, const struct acknowledgement *acknowledgement,
                          struct buffer *out) MUST_USE;

/*
 * Finds the first number in the reply that is a word of its own, between blanks, punctuation or the
 * ends of the reply. With a reply such as `OK {seq}` it is the SEQ of the record. Returns false if
 * there is no such number.
 */
bool output_format_seq(const unsigned char *reply, size_t size, uint64_t *seq);

#endif
