/*
 * log_limit.h: keeps a peer from filling the log: each address may cause a few lines at once and
 * then one per interval, in bounded memory. Pure: the caller passes the time and logs.
 */
#ifndef TCPACK_SERVER_CONNECTION_LOG_LIMIT_H
#define TCPACK_SERVER_CONNECTION_LOG_LIMIT_H

#include "server/connection/peer_key.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * All addresses share this many places, which bounds the total number of lines. If two addresses
 * share a place, lines of the one can suppress lines of the other.
 */
enum { LOG_LIMIT_PLACES = 256 };

/* A zeroed struct allows each address a line. */
struct log_limit {
    struct {
        int64_t next_us; /* earliest time at which the next line is allowed, monotonic */
        uint64_t held;   /* lines suppressed since the last one that was allowed */
    } places[LOG_LIMIT_PLACES];
};

/* How many lines an address may cause. */
struct log_rate {
    unsigned at_once;    /* lines allowed in a row after a pause; at least 1 */
    int64_t interval_us; /* microseconds between lines after that */
};

/*
 * Whether a line that the peer caused may be logged now. If so, stores in *held how many lines were
 * suppressed since the last one; the line should say that. Use each limit with one rate only.
 * `now_us`: clock_monotonic_us().
 */
bool log_limit_allows(struct log_limit *limit, const struct log_rate *rate,
                      const struct peer_key *key, int64_t now_us, uint64_t *held);

#endif
