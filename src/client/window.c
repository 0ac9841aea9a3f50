#include "client/window.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 16 };

void window_init(struct window *window, enum framing framing, size_t limit, size_t limit_bytes)
{
    *window = (struct window){
        .framing = framing,
        .limit = limit,
        .limit_bytes = limit_bytes,
        .number = 1,
    };
}

void window_free(struct window *window)
{
    free(window->ring);
    buffer_free(&window->bytes);
    *window = (struct window){0};
}

size_t window_bytes(const struct window *window)
{
    return window->bytes.size - window->begin;
}

bool window_has_room(const struct window *window)
{
    return window->count < window->limit && window_bytes(window) < window->limit_bytes;
}

/* The message at position `at` from the oldest. */
static struct window_message *message_at(const struct window *window, size_t at)
{
    return &window->ring[(window->first + at) & (window->slots - 1)];
}

/* Doubles the slots of a full ring, so that its messages continue after the old end. */
static bool grow_ring(struct window *window)
{
    size_t slots = window->slots == 0 ? SLOTS_MIN : window->slots * 2;
    struct window_message *ring = realloc(window->ring, slots * sizeof *ring);

    if (ring == NULL)
        return false;
    if (window->first > 0)
        memcpy(ring + window->slots, ring, window->first * sizeof *ring);
    window->ring = ring;
    window->slots = slots;
    return true;
}

/* Moves the bytes to the front once they are at most half of the buffer: amortized O(1) per byte.
 */
static void drop_acknowledged(struct window *window)
{
    if (window->begin < window->bytes.size - window->begin)
        return;
    buffer_consume(&window->bytes, window->begin);
    window->sent -= window->begin;
    window->allowed_end -= window->begin;
    window->begin = 0;
}

bool window_add(struct window *window, uint64_t line, int64_t start_us, const void *text,
                size_t size)
{
    drop_acknowledged(window);
    if (window->count == window->slots && !grow_ring(window))
        return false;
    size_t before = window->bytes.size;
    if (!framing_wrap_message(window->framing, window->number + window->count, text, size,
                              &window->bytes))
        return false;
    *message_at(window, window->count) =
        (struct window_message){line, start_us, window->bytes.size - before};
    window->count++;
    return true;
}

void window_allow(struct window *window, size_t count)
{
    if (count > window->count)
        count = window->count;
    for (; window->allowed < count; window->allowed++)
        window->allowed_end += message_at(window, window->allowed)->size;
}

const unsigned char *window_unsent(const struct window *window, size_t *size)
{
    *size = window->allowed_end - window->sent;
    return *size > 0 ? window->bytes.bytes + window->sent : NULL;
}

const unsigned char *window_oldest(const struct window *window, size_t *size)
{
    *size = window->ring[window->first].size;
    return window->bytes.bytes + window->begin;
}

void window_advance(struct window *window, size_t size)
{
    window->sent += size;
}

bool window_awaits(const struct window *window)
{
    return window->count > 0 && window->sent - window->begin >= window->ring[window->first].size;
}

/* Messages sent completely over this connection; *rest: bytes sent of the next one. */
static size_t count_whole(const struct window *window, size_t *rest)
{
    size_t count = 0;

    *rest = window->sent - window->begin;
    while (count < window->count) {
        size_t size = message_at(window, count)->size;
        if (size > *rest)
            break;
        *rest -= size;
        count++;
    }
    return count;
}

size_t window_count_sent(const struct window *window)
{
    size_t rest;
    size_t count = count_whole(window, &rest);

    return count > window->tried ? count : window->tried;
}

bool window_sent_in_part(const struct window *window)
{
    size_t rest;

    (void)count_whole(window, &rest);
    return rest > 0;
}

bool window_sent_one(const struct window *window)
{
    return window->sent > window->begin &&
           window->sent - window->begin <= window->ring[window->first].size;
}

struct window_message window_acknowledge(struct window *window)
{
    struct window_message message = window->ring[window->first];

    window->begin += message.size;
    window->number++;
    window->count--;
    window->allowed--;
    if (window->tried > 0)
        window->tried--;
    window->first = (window->first + 1) & (window->slots - 1);
    return message;
}

static void renumber(struct window *window)
{
    size_t at = window->begin;

    window->number = 1;
    for (size_t i = 0; i < window->count; i++) {
        framing_renumber(window->framing, window->number + i, window->bytes.bytes + at);
        at += message_at(window, i)->size;
    }
}

size_t window_rewind(struct window *window)
{
    size_t rest;
    size_t sent = count_whole(window, &rest);

    if (sent > window->tried)
        window->tried = sent;
    window->sent = window->begin;
    window->allowed = 0;
    window->allowed_end = window->begin;
    renumber(window);
    return sent;
}
