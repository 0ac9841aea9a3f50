/*
 * totals.h: what is counted while messages are sent, and the summary of it. Pure.
 */
#ifndef TCPACK_CLIENT_TOTALS_H
#define TCPACK_CLIENT_TOTALS_H

#include "client/latency.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing happened. Times are monotonic. */
struct totals {
    uint64_t sent;         /* messages that went out whole, each once */
    uint64_t acknowledged; /* messages */
    uint64_t resent;       /* times that a message which had gone out went out again */
    int64_t begin_us;      /* when the work began; set by who starts it */
    int64_t end_us;        /* the last acknowledgement */
    struct latency latency;
};

/*
 * Appends `1000 sent, 998 acknowledged, 0 resent in 0.520 s: 1919/s` and, where there were
 * acknowledgements, another line: `latency p50 512 us, p90 ..., max ...`. False with errno ENOMEM.
 */
bool totals_summary(const struct totals *totals, struct buffer *out) MUST_USE;

#endif
