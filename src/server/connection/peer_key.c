#include "server/connection/peer_key.h"

#include <string.h>

bool peer_key_of(const struct sockaddr_storage *address, struct peer_key *key)
{
    *key = (struct peer_key){0};
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memset(&key->address.s6_addr[10], 0xff, 2);
        memcpy(&key->address.s6_addr[12], &in.sin_addr, 4);
        return true;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        key->address = in6.sin6_addr;
        return true;
    }
    return false;
}

struct address peer_key_address(const struct peer_key *key)
{
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = key->address};
    struct address address = {.size = sizeof in6};

    memcpy(&address.storage, &in6, sizeof in6);
    return address;
}

bool peer_key_equal(const struct peer_key *one, const struct peer_key *other)
{
    return memcmp(&one->address, &other->address, sizeof one->address) == 0;
}

/* The finalizer of splitmix64: each input bit changes half of the output bits on average. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint64_t peer_key_hash(const struct peer_key *key, uint64_t seed)
{
    uint64_t halves[2];

    memcpy(halves, &key->address, sizeof halves);
    return mix(mix(halves[0] ^ seed) + halves[1]);
}
