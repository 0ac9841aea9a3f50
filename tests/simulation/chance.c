#include "chance.h"

/* SplitMix64 (Steele, Lea, Flood 2014): short, and good enough to choose events with. */
uint64_t chance_next(struct chance *chance)
{
    uint64_t bits = chance->state += 0x9e3779b97f4a7c15U;

    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31);
}

struct chance chance_from(uint64_t seed, uint64_t stream)
{
    struct chance chance = {seed ^ (stream * 0xd1342543de82ef95U)};

    (void)chance_next(&chance); /* neighbouring seeds part at once */
    return chance;
}

unsigned chance_below(struct chance *chance, unsigned below)
{
    return (unsigned)((chance_next(chance) >> 32) % below);
}

bool chance_percent(struct chance *chance, unsigned percent)
{
    return chance_below(chance, 100) < percent;
}
