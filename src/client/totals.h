/*
 * totals.h: counts messages and acknowledgements, and formats the summary. Pure.
 */
#ifndef TCPACK_CLIENT_TOTALS_H
#define TCPACK_CLIENT_TOTALS_H

#include "client/latency.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Start with a zeroed struct. Times are monotonic. */
struct totals {
    uint64_t sent;         /* messages sent completely; a resent message counts once */
    uint64_t acknowledged; /* messages */
    uint64_t resent;       /* messages sent again; each resend counts */
    int64_t begin_us;      /* start of the work, set by the caller */
    int64_t end_us;        /* last acknowledgement */
    struct latency latency;
};

/*
 * Appends `1000 sent, 998 acknowledged, 0 resent in 0.520 s: 1919/s` and a second line,
 * `latency p50 512 us, p90 ..., max ...`. Without acknowledgements, the time, the rate and the
 * second line are missing. Returns false with errno ENOMEM.
 */
bool totals_summary(const struct totals *totals, struct buffer *out) MUST_USE;

#endif
