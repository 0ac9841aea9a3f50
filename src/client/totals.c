#include "client/totals.h"

#include <inttypes.h>

static double seconds(const struct figures *figures)
{
    return (double)(figures->end_us - figures->begin_us) / 1e6;
}

/* Acknowledgements a second, from the beginning to the last of them. */
static double rate(const struct figures *figures)
{
    return figures->end_us > figures->begin_us ? (double)figures->acknowledged / seconds(figures)
                                               : 0;
}

bool figures_summary(const struct figures *figures, struct buffer *out)
{
    const struct latency *latency = &figures->latency;

    if (!buffer_printf(out, "%" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64 " resent",
                       figures->sent, figures->acknowledged, figures->resent))
        return false;
    if (latency->count == 0)
        return true;
    return buffer_printf(out, " in %.3f s: %.0f/s\n", seconds(figures), rate(figures)) &&
           buffer_printf(out,
                         "latency p50 %" PRId64 " us, p90 %" PRId64 " us, p99 %" PRId64
                         " us, p99.9 %" PRId64 " us, max %" PRId64 " us",
                         latency_within(latency, 0.5), latency_within(latency, 0.9),
                         latency_within(latency, 0.99), latency_within(latency, 0.999),
                         latency->max_us);
}
