/*
 * reply.h: the configuration's template for replies, compiled once, rendered for every message.
 * Pure.
 *
 * In a template `{seq}`, `{bytes}` and `{time}` stand for the record's number, the message's length
 * in bytes and the record's time; `{{` is a brace, and so is a `}` outside a placeholder; `\n`,
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

/* The values of a reply's placeholders. */
struct reply_values {
    uint64_t seq;
    size_t bytes;
    const char *time; /* as in the record; not NUL-terminated */
    size_t time_size;
};

/*
 * The compiled template, which the caller gives to reply_free(). NULL, with the problem, if it is
 * not a template or memory is short.
 */
struct reply *reply_compile(const char *text, struct problem *problem) MUST_USE;

/* Whether the framing can carry the reply, whatever the values of its placeholders. */
bool reply_fits(const struct reply *reply, enum framing framing);

/* The reply and its size, if it is always the same; NULL if it has placeholders. */
const void *reply_constant(const struct reply *reply, size_t *size) MUST_USE;

/* Appends the reply. False with errno ENOMEM, and `out` unchanged. */
bool reply_render(const struct reply *reply, const struct reply_values *values,
                  struct buffer *out) MUST_USE;

/* NULL is allowed. */
void reply_free(struct reply *reply);

#endif
