/* trace.h: a log line for each round that did something, at level trace. */
#ifndef TCPACK_SERVER_ROUND_TRACE_H
#define TCPACK_SERVER_ROUND_TRACE_H

#include "server/metrics.h"

#include <stdbool.h>

struct server;

/* A zeroed struct has seen no round. */
struct trace {
    bool active;           /* the figures before the round are known */
    struct metrics before; /* they are these */
};

/* The last thing in a round: logs what it did. Costs one comparison unless level is trace. */
void trace_round(struct server *server);

#endif
