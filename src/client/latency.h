/*
 * latency.h: how long acknowledgements took, as a histogram in constant memory whose answers are at
 * most 1/128 (0.8 %) too high: each power of two of microseconds is cut into 128 equal buckets, as
 * HdrHistogram does. Pure.
 */
#ifndef TCPACK_CLIENT_LATENCY_H
#define TCPACK_CLIENT_LATENCY_H

#include <stdint.h>

enum {
    LATENCY_CUT_BITS = 7,      /* 2^7 buckets for each power of two: the precision */
    LATENCY_LARGEST_BITS = 42, /* 2^42 us are 50 days; longer ones count as that long */
    LATENCY_BUCKETS = (LATENCY_LARGEST_BITS - LATENCY_CUT_BITS + 1) << LATENCY_CUT_BITS,
};

/* Zeroed, it holds nothing. The fields but `count` and `max_us` are nobody else's business. */
struct latency {
    uint64_t count;
    int64_t max_us; /* exact */
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Counts one latency, in microseconds; a negative one counts as 0. */
void latency_record(struct latency *latency, int64_t microseconds);

/*
 * The time, in microseconds, within which `share` (0 to 1) of all that was recorded was done: exact
 * below 256 us, at most 1/128 too high above, never above the largest. 0 where nothing was
 * recorded.
 */
int64_t latency_within(const struct latency *latency, double share);

#endif
