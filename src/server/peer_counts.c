#include "server/peer_counts.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Slots at first. The table is at most half full, so that a search is short. */
enum { CAPACITY_MIN = 64 };

struct peer_count {
    struct peer_key key;
    size_t connections; /* 0: the slot is free */
};

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

/* The finalizer of splitmix64: every bit of the input changes half of the output's. */
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

static size_t next_slot(const struct peer_counts *counts, size_t slot)
{
    return (slot + 1) & (counts->capacity - 1);
}

static size_t home_slot(const struct peer_counts *counts, const struct peer_key *key)
{
    return (size_t)peer_key_hash(key, counts->seed) & (counts->capacity - 1);
}

/* The slot of `key`, or the free one where it would go. The table has a free slot. */
static size_t find_slot(const struct peer_counts *counts, const struct peer_key *key)
{
    size_t slot = home_slot(counts, key);

    while (counts->slots[slot].connections > 0 && !peer_key_equal(&counts->slots[slot].key, key))
        slot = next_slot(counts, slot);
    return slot;
}

static bool grow(struct peer_counts *counts)
{
    struct peer_counts grown = *counts;

    if (counts->capacity == 0 && getentropy(&grown.seed, sizeof grown.seed) != 0)
        grown.seed = (uint64_t)clock_wall_us(); /* a kernel without: harder to guess than nothing */
    grown.capacity = counts->capacity == 0 ? CAPACITY_MIN : 2 * counts->capacity;
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].connections > 0)
            grown.slots[find_slot(&grown, &counts->slots[i].key)] = counts->slots[i];
    free(counts->slots);
    *counts = grown;
    return true;
}

size_t peer_counts_add(struct peer_counts *counts, const struct peer_key *key)
{
    if (2 * (counts->used + 1) > counts->capacity && !grow(counts))
        return 0;
    struct peer_count *slot = &counts->slots[find_slot(counts, key)];
    if (slot->connections == 0) {
        slot->key = *key;
        counts->used++;
    }
    return ++slot->connections;
}

/* Whether `slot` lies on the way from `home` to `end`, around the end of the table. */
static bool lies_between(size_t home, size_t slot, size_t end)
{
    return home <= end ? home <= slot && slot < end : home <= slot || slot < end;
}

/* Frees the slot and moves those behind it up that are found by passing it. */
static void free_slot(struct peer_counts *counts, size_t slot)
{
    for (size_t i = next_slot(counts, slot); counts->slots[i].connections > 0;
         i = next_slot(counts, i)) {
        if (lies_between(home_slot(counts, &counts->slots[i].key), slot, i)) {
            counts->slots[slot] = counts->slots[i];
            slot = i;
        }
    }
    counts->slots[slot].connections = 0;
    counts->used--;
}

void peer_counts_remove(struct peer_counts *counts, const struct peer_key *key)
{
    if (counts->capacity == 0)
        return;
    size_t slot = find_slot(counts, key);
    if (counts->slots[slot].connections > 1)
        counts->slots[slot].connections--;
    else if (counts->slots[slot].connections == 1)
        free_slot(counts, slot);
}

size_t peer_counts_of(const struct peer_counts *counts, const struct peer_key *key)
{
    return counts->capacity == 0 ? 0 : counts->slots[find_slot(counts, key)].connections;
}

void peer_counts_free(struct peer_counts *counts)
{
    free(counts->slots);
    *counts = (struct peer_counts){0};
}
