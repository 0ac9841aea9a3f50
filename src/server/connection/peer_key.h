/*
 * peer_key.h: the address of a peer, by which its connections and its log lines are counted. An
 * IPv4-mapped IPv6 address is the IPv4 address; ports make no difference; peers that have no
 * internet address are counted together, as the address of all zeros. Pure.
 */
#ifndef TCPACK_SERVER_CONNECTION_PEER_KEY_H
#define TCPACK_SERVER_CONNECTION_PEER_KEY_H

#include "common/address.h"

#include <netinet/in.h>
#include <stdbool.h>
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

#endif
