/*
 * nearest.h: the known name that a mistyped one was probably meant to be. Pure.
 *
 *     struct nearest nearest = {.wanted = "prot"};
 *     nearest_offer(&nearest, "host");
 *     nearest_offer(&nearest, "port");      nearest.name is "port" now
 */
#ifndef TCPACK_COMMON_NEAREST_H
#define TCPACK_COMMON_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    const char *name; /* the best of the names offered; NULL while none is near enough */
    size_t distance;  /* typing mistakes between the two */
};

/*
 * Offers a known name. It is taken where it is nearer than those before and near enough: at most
 * two mistakes (a letter missing, too many, wrong, or swapped with its neighbour; capitals do not
 * count), which are less than half of the name.
 */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
