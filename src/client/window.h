/*
 * window.h: the messages that are under way: taken from the input, not acknowledged yet. It keeps
 * their bytes, framed, from the oldest to the newest, so that what is unsent goes out in one send()
 * and all of it can be sent again over a new connection. Acknowledgements come in order. Pure:
 * memory only, no allocation for a single message.
 */
#ifndef TCPACK_CLIENT_WINDOW_H
#define TCPACK_CLIENT_WINDOW_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_message {
    uint64_t line;    /* where in the input it stood, from 1 */
    int64_t start_us; /* monotonic: when it was taken, or should have been sent */
    size_t size;      /* bytes with its framing */
};

/* The fields may be read by anyone; only these functions change them. */
struct window {
    struct window_message *ring;
    size_t capacity;     /* messages */
    size_t first;        /* the oldest message's place in the ring */
    size_t count;        /* messages */
    struct buffer bytes; /* framed messages; before `begin`, bytes of acknowledged ones */
    size_t begin;        /* where the oldest message begins */
    size_t sent;         /* where the first unsent byte is */
    size_t allowed;      /* messages, from the oldest, that may be sent */
    size_t allowed_end;  /* where the last of these ends */
    size_t tried; /* messages, from the oldest, that went out before, over another connection */
};

/*
 * More bytes than that under way, and the window counts as full whatever it may hold: large
 * messages do not need many at once, and memory stays bounded.
 */
enum { WINDOW_BYTES_MAX = 4 * 1024 * 1024 };

/* Room for `capacity` messages, at least 1. False with errno ENOMEM; else window_free() later. */
bool window_init(struct window *window, size_t capacity) MUST_USE;
void window_free(struct window *window);

/* Bytes under way, with their framing. */
size_t window_bytes(const struct window *window);

bool window_has_room(const struct window *window);

/* Takes one message; the window has room. False with errno ENOMEM, and the window as it was. */
bool window_add(struct window *window, enum framing framing, uint64_t line, int64_t start_us,
                const void *text, size_t size) MUST_USE;

/* From now on the `count` oldest messages may be sent, as far as there are so many. */
void window_allow(struct window *window, size_t count);

/*
 * The bytes to send next, *size of them (0: all that may be sent is sent). They hold until the next
 * call.
 */
const unsigned char *window_unsent(const struct window *window, size_t *size);

/* The oldest message with its framing, *size bytes. The window is not empty. */
const unsigned char *window_oldest(const struct window *window, size_t *size);

/* `size` of the unsent bytes went out. */
void window_advance(struct window *window, size_t size);

/* Whether the oldest message went out whole, so that a reply is due. False for an empty window. */
bool window_awaits(const struct window *window);

/*
 * How many messages went out whole, over this connection or another; and whether the last bytes
 * that went out are a part of a message. They look at each message: for reports, not for loops.
 */
size_t window_count_sent(const struct window *window);
bool window_sent_in_part(const struct window *window);

/* Whether over this connection the oldest message went out, or a part of it, and no other one. */
bool window_sent_one(const struct window *window);

/* The oldest message is acknowledged and leaves; window_awaits() holds. */
struct window_message window_acknowledge(struct window *window);

/*
 * All must be sent again, once window_allow() says so. Returns how many messages had gone out whole
 * over the last connection.
 */
size_t window_rewind(struct window *window);

#endif
