/*
 * peer_key.h: the address of a peer, by which its connections and log lines are counted. An
 * IPv4-mapped IPv6 address counts as the IPv4 address. Ports make no difference. All peers without
 * an internet address have the key of all zeros. Pure.
 */
#ifndef TCPACK_SERVER_CONNECTION_PEER_KEY_H
#define TCPACK_SERVER_CONNECTION_PEER_KEY_H

#include "common/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The same for all connections from one address. */
struct peer_key {
    struct in6_addr address; /* IPv4 as IPv4-mapped */
};

/* The key of an address. False if it is not IPv4 or IPv6; *key is then all zeros. */
bool peer_key_of(const struct sockaddr_storage *address, struct peer_key *key);

/* The address of a key for which peer_key_of() returned true, with port 0. */
struct address peer_key_address(const struct peer_key *key);

bool peer_key_equal(const struct peer_key *one, const struct peer_key *other);

/* A well distributed hash. Keys that collide cannot be chosen without knowing `seed`. */
uint64_t peer_key_hash(const struct peer_key *key, uint64_t seed);

#endif
