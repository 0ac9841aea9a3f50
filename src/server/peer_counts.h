/*
 * peer_counts.h: how many connections each address has, for max_clients_per_address. A hash table
 * of the addresses that have one at all. An IPv4-mapped IPv6 address is the IPv4 address; ports
 * make no difference; peers that have no internet address are counted together, as the address of
 * all zeros. (No limit is for them: that is up to the caller.)
 */
#ifndef TCPACK_SERVER_PEER_COUNTS_H
#define TCPACK_SERVER_PEER_COUNTS_H

#include "common/address.h"
#include "common/compiler.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What two connections have in common that come from the same address. */
struct peer_key {
    struct in6_addr address; /* IPv4 as IPv4-mapped */
};

/* False for an address that is not of the internet; *key is then all zero. */
bool peer_key_of(const struct sockaddr_storage *address, struct peer_key *key);

/* The address of a key that peer_key_of() was true for, without a port. */
struct address peer_key_address(const struct peer_key *key);

bool peer_key_equal(const struct peer_key *one, const struct peer_key *other);

/* A number that keys spread well over; who does not know `seed` cannot choose keys that collide. */
uint64_t peer_key_hash(const struct peer_key *key, uint64_t seed);

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
