/*
 * log_limit.h: keeps a peer from filling the log: some lines at once, then one at a time for each
 * address, in bounded memory. Pure: the caller says what time it is, and logs.
 */
#ifndef TCPACK_SERVER_CONNECTION_LOG_LIMIT_H
#define TCPACK_SERVER_CONNECTION_LOG_LIMIT_H

#include "server/connection/peer_key.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Addresses share this many places, which bounds the lines, whoever causes them. An address
 * that shares its place with a busy one is quiet too; that is the price of the bound.
 */
enum { LOG_LIMIT_PLACES = 256 };

/* A zeroed struct allows everyone a line. */
struct log_limit {
    struct {
        int64_t next_us; /* monotonic time from which on the next line is no line too early */
        uint64_t held;   /* lines not allowed since the last one that was */
    } places[LOG_LIMIT_PLACES];
};

/* How many lines an address may cause. */
struct log_rate {
    unsigned at_once;    /* after a quiet time, 1 or more */
    int64_t interval_us; /* then one in so many microseconds */
};

/*
 * Whether a line that the peer caused may be logged now. Where it may, *held is how many were not
 * since the last one, for the line to say so. The same limit always with the same rate.
 */
bool log_limit_allows(struct log_limit *limit, const struct log_rate *rate,
                      const struct peer_key *key, int64_t now_us, uint64_t *held);

#endif
