#include "server/connection/log_limit.h"

bool log_limit_allows(struct log_limit *limit, const struct log_rate *rate,
                      const struct peer_key *key, int64_t now_us, uint64_t *held)
{
    /* No seed: an attacker that finds addresses with the same place only shortens the log. */
    size_t place = (size_t)(peer_key_hash(key, 0) % LOG_LIMIT_PLACES);
    int64_t early = (int64_t)(rate->at_once - 1) * rate->interval_us;
    int64_t next = limit->places[place].next_us;

    if (now_us < next - early) {
        limit->places[place].held++;
        return false;
    }
    *held = limit->places[place].held;
    limit->places[place].held = 0;
    limit->places[place].next_us = (now_us > next ? now_us : next) + rate->interval_us;
    return true;
}
