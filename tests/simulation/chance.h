/*
 * chance.h: pseudo-random numbers. One seed gives one sequence; nothing else in the simulation is
 * random, so that a seed gives the same history each time.
 */
#ifndef TCPACK_SIMULATION_CHANCE_H
#define TCPACK_SIMULATION_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

/* The sequence of (seed, stream): each user of chance has a stream of its own. */
struct chance chance_from(uint64_t seed, uint64_t stream);

uint64_t chance_next(struct chance *chance);

/* 0 to below - 1; `below` is not 0. */
unsigned chance_below(struct chance *chance, unsigned below);

/* True in so many of a hundred cases. */
bool chance_percent(struct chance *chance, unsigned percent);

#endif
