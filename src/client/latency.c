#include "client/latency.h"

#include <stddef.h>

/*
 * Each value below 2 * CUTS has its own bucket. Above that, the highest LATENCY_CUT_BITS + 1 bits
 * of a value select the bucket. The first of these bits is always 1, so each power of two has CUTS
 * buckets.
 */
enum { CUTS = 1 << LATENCY_CUT_BITS };

static unsigned shift_of(uint64_t value)
{
    return value < 2 * CUTS ? 0 : 63 - LATENCY_CUT_BITS - (unsigned)__builtin_clzll(value);
}

static size_t bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);

    return shift * (size_t)CUTS + (size_t)(value >> shift);
}

/* The largest value in the bucket. */
static int64_t bucket_end(size_t bucket)
{
    size_t shift = bucket < CUTS ? 0 : bucket / CUTS - 1;
    uint64_t high = bucket - shift * CUTS;

    return (int64_t)(((high + 1) << shift) - 1);
}

void latency_record(struct latency *latency, int64_t microseconds)
{
    const int64_t largest = ((int64_t)1 << LATENCY_LARGEST_BITS) - 1;

    if (microseconds < 0)
        microseconds = 0;
    if (microseconds > latency->max_us)
        latency->max_us = microseconds;
    if (microseconds > largest)
        microseconds = largest;
    latency->buckets[bucket_of((uint64_t)microseconds)]++;
    latency->count++;
}

int64_t latency_within(const struct latency *latency, double share)
{
    double wanted = share * (double)latency->count;
    uint64_t seen = 0;

    if (latency->count == 0)
        return 0;
    for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        seen += latency->buckets[bucket];
        if (latency->buckets[bucket] > 0 && (double)seen >= wanted) {
            int64_t end = bucket_end(bucket);
            return end < latency->max_us ? end : latency->max_us;
        }
    }
    return latency->max_us;
}
