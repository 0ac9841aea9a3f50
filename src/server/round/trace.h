/* trace.h: a log line for each round that did something, at level trace. */
#ifndef TCPACK_SERVER_ROUND_TRACE_H
#define TCPACK_SERVER_ROUND_TRACE_H

#include "server/metrics.h"

#include <stdbool.h>

struct server;

/* A zeroed struct has seen no round. */
struct trace {
    bool active;           /* `before` is valid */
    struct metrics before; /* the figures before the round */
};

/* Logs what the round did; call it at the end of each. Costs one comparison unless it logs. */
void trace_round(struct server *server);

#endif
