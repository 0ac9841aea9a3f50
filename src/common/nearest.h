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
    const char *name; /* the nearest name offered; NULL while none is near enough */
    size_t distance;  /* typing errors between the two */
};

/*
 * Offers a known name. It becomes the nearest if it beats those before and is near enough: at most
 * two typing errors (a letter missing, added, wrong, or swapped with its neighbour; case does not
 * matter) in less than half of the name's letters.
 */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
