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

/* SplitMix64 (Steele, Lea, Flood 2014): short, and good enough to choose events with. */
static inline uint64_t chance_next(struct chance *chance)
{
    uint64_t bits = chance->state += 0x9e3779b97f4a7c15U;

    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31);
}

/* 0 to below - 1; `below` is not 0. */
static inline unsigned chance_below(struct chance *chance, unsigned below)
{
    return (unsigned)((chance_next(chance) >> 32) % below);
}

/* True in so many of a hundred cases. */
static inline bool chance_percent(struct chance *chance, unsigned percent)
{
    return chance_below(chance, 100) < percent;
}

#endif
