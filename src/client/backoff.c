#include "client/backoff.h"

enum { FIRST_US = 100 * 1000 };

void backoff_init(struct backoff *backoff, int64_t limit_us, uint64_t seed)
{
    /* A state of 0 would only ever yield 0. */
    *backoff = (struct backoff){.limit_us = limit_us, .random = seed | 1};
    backoff_reset(backoff);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_us = FIRST_US < backoff->limit_us ? FIRST_US : backoff->limit_us;
}

void backoff_lengthen(struct backoff *backoff)
{
    backoff->next_us = backoff->limit_us;
}

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t next_random(struct backoff *backoff)
{
    backoff->random ^= backoff->random << 13;
    backoff->random ^= backoff->random >> 7;
    backoff->random ^= backoff->random << 17;
    return backoff->random;
}

int64_t backoff_next(struct backoff *backoff)
{
    int64_t step = backoff->next_us;
    int64_t half = step / 2;

    backoff->next_us = step > backoff->limit_us / 2 ? backoff->limit_us : step * 2;
    return step - (int64_t)(next_random(backoff) % (uint64_t)(half + 1));
}
