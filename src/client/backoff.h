/*
 * backoff.h: how long to wait before the next attempt to connect: twice as long each time up to a
 * limit, and a random part off it, so that many clients of a server that came back do not come all
 * at once. Pure: the caller brings the randomness' seed.
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

/* Something worked: the next wait is the shortest again. */
void backoff_reset(struct backoff *backoff);

/* The next wait is the longest. */
void backoff_lengthen(struct backoff *backoff);

/* Microseconds to wait now: between half of the current step and all of it. */
int64_t backoff_next(struct backoff *backoff);

#endif
