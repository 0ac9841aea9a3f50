#include "client/window.h"

#include <stdlib.h>

bool window_init(struct window *window, enum framing framing, size_t capacity)
{
    *window = (struct window){.framing = framing, .capacity = capacity, .number = 1};
    window->ring = calloc(capacity, sizeof *window->ring);
    return window->ring != NULL;
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
    return window->count < window->capacity && window_bytes(window) < WINDOW_BYTES_MAX;
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
    size_t before = window->bytes.size;
    if (!framing_wrap_message(window->framing, window->number + window->count, text, size,
                              &window->bytes))
        return false;
    size_t place = window->first + window->count;
    if (place >= window->capacity)
        place -= window->capacity;
    window->ring[place] = (struct window_message){line, start_us, window->bytes.size - before};
    window->count++;
    return true;
}

void window_allow(struct window *window, size_t count)
{
    if (count > window->count)
        count = window->count;
    for (; window->allowed < count; window->allowed++)
        window->allowed_end +=
            window->ring[(window->first + window->allowed) % window->capacity].size;
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
        size_t size = window->ring[(window->first + count) % window->capacity].size;
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
    if (++window->first == window->capacity)
        window->first = 0;
    return message;
}

static void renumber(struct window *window)
{
    size_t at = window->begin;

    window->number = 1;
    for (size_t i = 0; i < window->count; i++) {
        framing_renumber(window->framing, window->number + i, window->bytes.bytes + at);
        at += window->ring[(window->first + i) % window->capacity].size;
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
