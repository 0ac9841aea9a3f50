#include "server/connection/peer_counts.h"

#include "common/clock.h"

#include <stdlib.h>
#include <unistd.h>

/* Initial number of slots. The table is at most half full, which keeps a search short. */
enum { CAPACITY_MIN = 64 };

struct peer_count {
    struct peer_key key;
    size_t connections; /* 0: the slot is free */
};

static size_t next_slot(const struct peer_counts *counts, size_t slot)
{
    return (slot + 1) & (counts->capacity - 1);
}

static size_t home_slot(const struct peer_counts *counts, const struct peer_key *key)
{
    return (size_t)peer_key_hash(key, counts->seed) & (counts->capacity - 1);
}

/* The slot of `key`, or the free slot for it. The table always has a free slot. */
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
        grown.seed = (uint64_t)clock_wall_us(); /* no getentropy(): better than 0 */
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

/* Whether `slot` lies in [home, end), in a circular table. */
static bool lies_between(size_t home, size_t slot, size_t end)
{
    return home <= end ? home <= slot && slot < end : home <= slot || slot < end;
}

/* Frees the slot, and moves up the entries whose search passes through it. */
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
