/*
 * latency.h: a histogram of acknowledgement times in constant memory. Its percentiles are at most
 * 1/128 (0.8 %) too high: each power of two of microseconds is divided into 128 equal buckets, as
 * in HdrHistogram. Pure.
 */
#ifndef TCPACK_CLIENT_LATENCY_H
#define TCPACK_CLIENT_LATENCY_H

#include <stdint.h>

enum {
    LATENCY_CUT_BITS = 7,      /* 2^7 buckets for each power of two: the precision */
    LATENCY_LARGEST_BITS = 42, /* 2^42 us are 50 days; longer times count as 50 days */
    LATENCY_BUCKETS = (LATENCY_LARGEST_BITS - LATENCY_CUT_BITS + 1) << LATENCY_CUT_BITS,
};

/* A zeroed struct is empty. Only `count` and `max_us` may be read directly. */
struct latency {
    uint64_t count;
    int64_t max_us; /* exact */
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Counts one latency, in microseconds; a negative one counts as 0. */
void latency_record(struct latency *latency, int64_t microseconds);

/*
 * Returns the time, in microseconds, that `share` (0 to 1) of the recorded latencies do not exceed:
 * exact below 256 us, at most 1/128 too high above, and never higher than the largest. Returns 0 if
 * nothing was recorded.
 */
int64_t latency_within(const struct latency *latency, double share);

#endif
