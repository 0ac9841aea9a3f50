#include "server/round/trace.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/round/state.h"

#include <inttypes.h>

/* Connections that were accepted and are open no more. */
static uint64_t closed(const struct metrics *metrics)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < METRICS_REFUSALS; at++)
        sum += metrics->refused[at];
    for (size_t at = 0; at < METRICS_ENDS; at++)
        sum += metrics->ended[at];
    return sum;
}

static void log_round(const struct metrics *before, const struct metrics *after, int64_t us)
{
    uint64_t accepted = after->accepted - before->accepted;
    uint64_t received = after->received_bytes - before->received_bytes;
    uint64_t recorded = after->messages - before->messages;
    uint64_t replied = after->replied_bytes - before->replied_bytes;
    uint64_t ended = closed(after) - closed(before);

    if (accepted == 0 && received == 0 && recorded == 0 && replied == 0 && ended == 0)
        return;
    log_trace("round: %" PRIu64 " connections accepted, %" PRIu64 " closed, %" PRIu64
              " bytes received, %" PRIu64 " messages recorded, %" PRIu64
              " bytes of replies sent, %" PRId64 " us",
              accepted, ended, received, recorded, replied, us);
}

void trace_round(struct server *server)
{
    struct trace *trace = &server->trace;

    if (!log_writes(LOG_LEVEL_TRACE)) {
        trace->active = false;
        return;
    }
    if (trace->active)
        log_round(&trace->before, &server->metrics, clock_monotonic_us() - server->now);
    trace->active = true;
    trace->before = server->metrics;
}
