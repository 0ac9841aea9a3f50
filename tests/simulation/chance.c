#include "chance.h"

struct chance chance_from(uint64_t seed, uint64_t stream)
{
    struct chance chance = {seed ^ (stream * 0xd1342543de82ef95U)};

    (void)chance_next(&chance); /* neighbouring seeds part at once */
    return chance;
}
