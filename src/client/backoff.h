/*
 * backoff.h: how long to wait before the next attempt to connect. The wait doubles each time, up to
 * a limit. A random part is subtracted, which spreads the clients of a server that comes back.
 * Pure: the caller passes the random seed.
 */
#ifndef TCPACK_CLIENT_BACKOFF_H
#define TCPACK_CLIENT_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t limit_us;
    int64_t next_us; /* before the random part */
    uint64_t random;
};

void backoff_init(struct backoff *backoff, int64_t limit_us, uint64_t seed);

/* Makes the next wait the shortest again, after a success. */
void backoff_reset(struct backoff *backoff);

/* Makes the next wait the longest. */
void backoff_lengthen(struct backoff *backoff);

/* Returns the microseconds to wait now: between half of the current step and all of it. */
int64_t backoff_next(struct backoff *backoff);

#endif
