/*
 * episode.h: a trouble that peers can make come and go as often as they like: said once when it
 * begins, and once when it is over, which it is after a second without it. Pure: the caller says
 * what time it is (microseconds, monotonic), and logs.
 */
#ifndef TCPACK_SERVER_CONNECTION_EPISODE_H
#define TCPACK_SERVER_CONNECTION_EPISODE_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum { EPISODE_CALM_US = 1000 * 1000 };

/* A zeroed struct is no episode. */
struct episode {
    bool begun;
    int64_t calm_since; /* 0: the trouble is there */
};

/* The trouble is there. True where it begins an episode: the caller says so. */
bool episode_begins(struct episode *episode) MUST_USE;

/* The trouble is not there. */
void episode_calms(struct episode *episode, int64_t now);

/* When the episode will be over, if the trouble does not come back; or DEADLINE_NEVER. */
int64_t episode_due(const struct episode *episode);

/* True once, when it is over: the caller says so. */
bool episode_ends(struct episode *episode, int64_t now) MUST_USE;

#endif
