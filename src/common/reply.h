/*
 * reply.h: the template of replies that the configuration gives, compiled once, rendered for every
 * message. Pure.
 *
 * In a template `{seq}`, `{bytes}` and `{time}` stand for the record's number, the message's length
 * in bytes and the record's time; `{{` is a brace, and so is a `}` that ends none of these; `\n`,
 * `\r`, `\t`, `\\` and `\xHH` are bytes.
 */
#ifndef TCPACK_COMMON_REPLY_H
#define TCPACK_COMMON_REPLY_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply;

/* What the placeholders of one reply stand for. */
struct reply_values {
    uint64_t seq;
    size_t bytes;
    const char *time; /* as the record has it; not NUL-terminated */
    size_t time_size;
};

/*
 * The compiled template, which the caller gives to reply_free(). NULL, with the problem, if it is
 * not a template or memory is short.
 */
struct reply *reply_compile(const char *text, struct problem *problem) MUST_USE;

/* Whether the framing can carry the reply, whatever its placeholders stand for. */
bool reply_fits(const struct reply *reply, enum framing framing);

/* The reply where it is always the same, and its size; NULL where it has placeholders. */
const void *reply_constant(const struct reply *reply, size_t *size) MUST_USE;

/* Appends the reply. False, with errno ENOMEM and `out` as it was, when there is no memory. */
bool reply_render(const struct reply *reply, const struct reply_values *values,
                  struct buffer *out) MUST_USE;

/* NULL is fine. */
void reply_free(struct reply *reply);

#endif
