/*
 * peer_counts.h: how many connections each address has, for max_clients_per_address. A hash table
 * of the addresses that have one at all. (No limit is for peers that have no internet address: that
 * is up to the caller.)
 */
#ifndef TCPACK_SERVER_CONNECTION_PEER_COUNTS_H
#define TCPACK_SERVER_CONNECTION_PEER_COUNTS_H

#include "common/compiler.h"
#include "server/connection/peer_key.h"

#include <stddef.h>
#include <stdint.h>

/* A zeroed struct is an empty table. Who declares it owns it and calls peer_counts_free(). */
struct peer_counts {
    struct peer_count *slots; /* NULL while capacity is 0 */
    size_t capacity;          /* a power of two */
    size_t used;
    uint64_t seed;
};

/* One connection more from `key`. How many it has then; 0, errno ENOMEM, without memory. */
size_t peer_counts_add(struct peer_counts *counts, const struct peer_key *key) MUST_USE;

/* One less, of those that were added. */
void peer_counts_remove(struct peer_counts *counts, const struct peer_key *key);

size_t peer_counts_of(const struct peer_counts *counts, const struct peer_key *key);

void peer_counts_free(struct peer_counts *counts);

#endif
