#include "server/connection/deadlines.h"

#include <stddef.h>
#include <stdlib.h>

struct entry {
    int64_t due;
    int fd;
};

struct deadlines {
    struct entry *heap; /* heap[0] is due first; children of N are 2N + 1 and 2N + 2 */
    size_t count;
    size_t capacity;
    uint32_t *places; /* by descriptor: its index in the heap + 1; 0: it has no deadline */
    size_t places_count;
};

struct deadlines *deadlines_new(void)
{
    return calloc(1, sizeof(struct deadlines));
}

void deadlines_free(struct deadlines *deadlines)
{
    if (deadlines == NULL)
        return;
    free(deadlines->heap);
    free(deadlines->places);
    free(deadlines);
}

static size_t place_of(const struct deadlines *deadlines, int fd)
{
    return (size_t)fd < deadlines->places_count ? deadlines->places[fd] : 0;
}

static void put(struct deadlines *deadlines, size_t at, struct entry entry)
{
    deadlines->heap[at] = entry;
    deadlines->places[entry.fd] = (uint32_t)(at + 1); /* at most one for each descriptor */
}

static void move_up(struct deadlines *deadlines, size_t at, struct entry entry)
{
    while (at > 0 && entry.due < deadlines->heap[(at - 1) / 2].due) {
        put(deadlines, at, deadlines->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(deadlines, at, entry);
}

static void move_down(struct deadlines *deadlines, size_t at, struct entry entry)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < deadlines->count &&
            deadlines->heap[child + 1].due < deadlines->heap[child].due)
            child++;
        if (child >= deadlines->count || entry.due <= deadlines->heap[child].due)
            break;
        put(deadlines, at, deadlines->heap[child]);
        at = child;
    }
    put(deadlines, at, entry);
}

/* Puts an entry at the free index `at`, and moves it up or down from there. */
static void settle(struct deadlines *deadlines, size_t at, struct entry entry)
{
    if (at > 0 && entry.due < deadlines->heap[(at - 1) / 2].due)
        move_up(deadlines, at, entry);
    else
        move_down(deadlines, at, entry);
}

static bool make_room(struct deadlines *deadlines, int fd)
{
    if ((size_t)fd >= deadlines->places_count) {
        size_t count = 2 * (size_t)fd + 64;
        uint32_t *places = realloc(deadlines->places, count * sizeof *places);
        if (places == NULL)
            return false;
        for (size_t at = deadlines->places_count; at < count; at++)
            places[at] = 0;
        deadlines->places = places;
        deadlines->places_count = count;
    }
    if (deadlines->count == deadlines->capacity) {
        size_t capacity = 2 * deadlines->capacity + 64;
        struct entry *heap = realloc(deadlines->heap, capacity * sizeof *heap);
        if (heap == NULL)
            return false;
        deadlines->heap = heap;
        deadlines->capacity = capacity;
    }
    return true;
}

bool deadlines_set(struct deadlines *deadlines, int fd, int64_t due)
{
    const struct entry entry = {due, fd};
    size_t place = place_of(deadlines, fd);

    if (place > 0) {
        settle(deadlines, place - 1, entry);
        return true;
    }
    if (!make_room(deadlines, fd))
        return false;
    move_up(deadlines, deadlines->count++, entry);
    return true;
}

void deadlines_clear(struct deadlines *deadlines, int fd)
{
    size_t place = place_of(deadlines, fd);

    if (place == 0)
        return;
    deadlines->places[fd] = 0;
    deadlines->count--;
    if (place - 1 < deadlines->count)
        settle(deadlines, place - 1, deadlines->heap[deadlines->count]);
}

int64_t deadlines_of(const struct deadlines *deadlines, int fd)
{
    size_t place = place_of(deadlines, fd);
    return place == 0 ? DEADLINE_NEVER : deadlines->heap[place - 1].due;
}

int64_t deadlines_first(const struct deadlines *deadlines)
{
    return deadlines->count == 0 ? DEADLINE_NEVER : deadlines->heap[0].due;
}

int deadlines_take(struct deadlines *deadlines, int64_t now)
{
    if (deadlines_first(deadlines) > now)
        return -1;
    int fd = deadlines->heap[0].fd;
    deadlines_clear(deadlines, fd);
    return fd;
}
