/*
 * status.h: the state of the server as one line for people: what `systemctl status` shows, and USR1
 * logs. Pure.
 */
#ifndef TCPACK_SERVER_STATUS_H
#define TCPACK_SERVER_STATUS_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct status {
    int64_t started_wall_us; /* wall clock, as is trouble_wall_us */
    uint64_t clients;        /* connections now */
    uint64_t messages;       /* recorded in the last `us` microseconds */
    int64_t us;
    const char *journal; /* its file, or what it is */
    uint64_t seq;        /* of the last record */
    int64_t bytes;       /* size of the file; negative: it has none */
    bool failing;        /* the last commit failed */
    const char *trouble; /* the last warning or error; "": none */
    int64_t trouble_wall_us;
};

/*
 * Appends the line, without newline, as text that is safe on a terminal. False with errno ENOMEM.
 */
bool status_format(const struct status *status, struct buffer *out) MUST_USE;

#endif
