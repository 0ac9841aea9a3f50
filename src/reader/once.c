#include "reader/once.h"

#include <stdlib.h>
#include <string.h>

enum {
    TOGETHER = 8, /* numbers that share an entry, so that following ones take less memory */
    CAPACITY_MIN = 1024,
};

/* Some numbers of one NAME that follow each other. */
struct once_numbers {
    uint64_t key;              /* of NAME, and of the numbers' common part */
    uint64_t hashes[TOGETHER]; /* of the messages; 0: not seen */
    bool used;
};

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void take_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3 of `salt` and the bytes, with words of this machine's byte order; never 0. */
static uint64_t hash(const struct once *once, uint64_t salt, const void *bytes, size_t size)
{
    uint64_t v[4] = {
        once->seed[0] ^ UINT64_C(0x736f6d6570736575), once->seed[1] ^ UINT64_C(0x646f72616e646f6d),
        once->seed[0] ^ UINT64_C(0x6c7967656e657261), once->seed[1] ^ UINT64_C(0x7465646279746573)};
    const unsigned char *at = bytes;
    uint64_t word;

    take_word(v, salt);
    for (size_t left = size; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        take_word(v, word);
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < size % sizeof word; i++)
        word |= (uint64_t)at[i] << (8 * i);
    take_word(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t result = v[0] ^ v[1] ^ v[2] ^ v[3];
    return result != 0 ? result : 1;
}

/* The entry of a key, or the free one in which it belongs. */
static struct once_numbers *find(struct once_numbers *table, size_t capacity, uint64_t key)
{
    size_t at = (size_t)key & (capacity - 1);

    while (table[at].used && table[at].key != key)
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static bool make_room(struct once *once)
{
    if (once->capacity > 0 && once->used < once->capacity / 4 * 3)
        return true;
    size_t capacity = once->capacity == 0 ? CAPACITY_MIN : once->capacity * 2;
    struct once_numbers *table = calloc(capacity, sizeof *table);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < once->capacity; i++)
        if (once->table[i].used)
            *find(table, capacity, once->table[i].key) = once->table[i];
    free(once->table);
    once->table = table;
    once->capacity = capacity;
    return true;
}

/* Notes `seen` as the hash of `number` under `key`. Returns what it was before: 0, nothing. */
static uint64_t note(struct once *once, uint64_t key, uint64_t number, uint64_t seen)
{
    struct once_numbers *numbers = find(once->table, once->capacity, key);
    uint64_t *place = &numbers->hashes[number % TOGETHER];
    uint64_t before = *place;

    if (!numbers->used) {
        numbers->used = true;
        numbers->key = key;
        once->used++;
    }
    if (before == 0)
        *place = seen;
    return before;
}

enum once_result once_see(struct once *once, const struct numbered *numbered, const void *message,
                          size_t size)
{
    if (!make_room(once))
        return ONCE_FAILED;
    uint64_t seen = hash(once, 0, message, size);
    uint64_t key = hash(once, numbered->number / TOGETHER, numbered->name, numbered->name_size);
    uint64_t before = note(once, key, numbered->number, seen);
    if (before == 0)
        return ONCE_NEW;
    if (before == seen)
        return ONCE_REPEAT;
    /* One more text of this number: it is known by its own hash. */
    if (!make_room(once))
        return ONCE_FAILED;
    return note(once, ~seen, numbered->number, seen) == seen ? ONCE_REPEAT : ONCE_CHANGED;
}

void once_free(struct once *once)
{
    free(once->table);
    once->table = NULL;
    once->used = once->capacity = 0;
}
