/*
 * peer_counts.h: the number of connections of each address, for max_clients_per_address. A hash
 * table of the addresses that have a connection. (Peers without an internet address have no such
 * limit; the caller does not count them.)
 */
#ifndef TCPACK_SERVER_CONNECTION_PEER_COUNTS_H
#define TCPACK_SERVER_CONNECTION_PEER_COUNTS_H

#include "common/compiler.h"
#include "server/connection/peer_key.h"

#include <stddef.h>
#include <stdint.h>

/* A zeroed struct is an empty table. Its owner calls peer_counts_free(). */
struct peer_counts {
    struct peer_count *slots; /* NULL while capacity is 0 */
    size_t capacity;          /* a power of two */
    size_t used;              /* slots in use */
    uint64_t seed;            /* of peer_key_hash() */
};

/* Counts a new connection of `key`. Returns their new number; 0 with errno ENOMEM. */
size_t peer_counts_add(struct peer_counts *counts, const struct peer_key *key) MUST_USE;

/* Counts the end of a connection of `key`. Does nothing if there is none. */
void peer_counts_remove(struct peer_counts *counts, const struct peer_key *key);

/* The number of connections of `key`. */
size_t peer_counts_of(const struct peer_counts *counts, const struct peer_key *key);

/* Leaves an empty table. */
void peer_counts_free(struct peer_counts *counts);

#endif
