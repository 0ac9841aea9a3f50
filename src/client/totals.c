#include "client/totals.h"

#include <inttypes.h>

static double seconds(const struct totals *totals)
{
    return (double)(totals->end_us - totals->begin_us) / 1e6;
}

/* Acknowledgements per second, from the start of the work to the last acknowledgement. */
static double rate(const struct totals *totals)
{
    return totals->end_us > totals->begin_us ? (double)totals->acknowledged / seconds(totals) : 0;
}

bool totals_summary(const struct totals *totals, struct buffer *out)
{
    const struct latency *latency = &totals->latency;

    if (!buffer_printf(out, "%" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64 " resent",
                       totals->sent, totals->acknowledged, totals->resent))
        return false;
    if (latency->count == 0)
        return true;
    return buffer_printf(out, " in %.3f s: %.0f/s\n", seconds(totals), rate(totals)) &&
           buffer_printf(out,
                         "latency p50 %" PRId64 " us, p90 %" PRId64 " us, p99 %" PRId64
                         " us, p99.9 %" PRId64 " us, max %" PRId64 " us",
                         latency_within(latency, 0.5), latency_within(latency, 0.9),
                         latency_within(latency, 0.99), latency_within(latency, 0.999),
                         latency->max_us);
}
