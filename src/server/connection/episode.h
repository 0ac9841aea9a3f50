/*
 * episode.h: a problem that peers can cause and end as often as they like. It is logged once when
 * it begins and once when it is over, which is after a second without it. Pure: the caller passes
 * the time (microseconds of clock_monotonic_us()) and logs.
 */
#ifndef TCPACK_SERVER_CONNECTION_EPISODE_H
#define TCPACK_SERVER_CONNECTION_EPISODE_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Microseconds without the problem after which it is over. */
enum { EPISODE_CALM_US = 1000 * 1000 };

/* In a zeroed struct, no episode has begun. */
struct episode {
    bool begun;
    int64_t calm_since; /* 0: the problem exists now */
};

/* The problem exists. True if an episode begins: the caller logs that. */
bool episode_begins(struct episode *episode) MUST_USE;

/* The problem does not exist at the moment. */
void episode_calms(struct episode *episode, int64_t now);

/* When the episode will be over unless the problem returns; or DEADLINE_NEVER. */
int64_t episode_due(const struct episode *episode);

/* True once, when the episode is over: the caller logs that. */
bool episode_ends(struct episode *episode, int64_t now) MUST_USE;

#endif
