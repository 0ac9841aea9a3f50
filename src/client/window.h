/*
 * window.h: the messages in flight: taken from the input and not acknowledged yet. It keeps their
 * framed bytes in one buffer, oldest first. One send() can therefore send all unsent bytes, and a
 * new connection can resend them all. Acknowledgements arrive in order. Pure; a message needs no
 * allocation of its own.
 *
 * Two limits bound it, whichever is reached first: a number of messages and a number of bytes. Its
 * memory grows with what is in flight, and does not shrink: at most four times the limit of bytes
 * (while a message that exceeds it is not in flight), and 48 bytes for each message.
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
    uint64_t line;    /* its line in the input, from 1 */
    int64_t start_us; /* monotonic: when it was taken, or was due to be sent */
    size_t size;      /* bytes, with its framing */
};

/* Other parts may read the fields; only these functions change them. */
struct window {
    enum framing framing;
    size_t limit;       /* messages */
    size_t limit_bytes; /* with their framing */
    struct window_message *ring;
    size_t slots;        /* of the ring: a power of two, or 0 */
    size_t first;        /* position of the oldest message in the ring */
    size_t count;        /* messages */
    uint64_t number;     /* of the oldest message in its stream, which begins with 1 */
    struct buffer bytes; /* framed messages; before `begin`, bytes of acknowledged ones */
    size_t begin;        /* start of the oldest message */
    size_t sent;         /* first unsent byte */
    size_t allowed;      /* messages, from the oldest, that may be sent */
    size_t allowed_end;  /* end of the last of these */
    size_t tried;        /* messages, from the oldest, that were sent over an earlier connection */
};

/* An empty window with these limits, each at least 1. The caller calls window_free() later. */
void window_init(struct window *window, enum framing framing, size_t limit, size_t limit_bytes);
void window_free(struct window *window);

/* Bytes in flight, with their framing. */
size_t window_bytes(const struct window *window);

/* Whether both limits allow one more message, which may then exceed the limit of bytes. */
bool window_has_room(const struct window *window);

/*
 * Adds one message; the window must have room. Returns false with errno ENOMEM and leaves the
 * window unchanged.
 */
bool window_add(struct window *window, uint64_t line, int64_t start_us, const void *text,
                size_t size) MUST_USE;

/* Allows the `count` oldest messages, or all if there are fewer, to be sent. */
void window_allow(struct window *window, size_t count);

/*
 * The bytes to send next and their number (0: everything allowed is sent). They are valid until the
 * window changes.
 */
const unsigned char *window_unsent(const struct window *window, size_t *size);

/* The oldest message with its framing. The window must not be empty. */
const unsigned char *window_oldest(const struct window *window, size_t *size);

/* Marks `size` of the unsent bytes as sent. */
void window_advance(struct window *window, size_t size);

/* Whether the oldest message has been sent completely. False for an empty window. */
bool window_awaits(const struct window *window);

/*
 * The number of messages sent completely, over this connection or an earlier one, and whether the
 * last bytes sent are only a part of a message. Both visit every message: not for inner loops.
 */
size_t window_count_sent(const struct window *window);
bool window_sent_in_part(const struct window *window);

/* Whether only the oldest message, or a part of it, has been sent over this connection. */
bool window_sent_one(const struct window *window);

/* Removes the oldest message, which has been acknowledged. window_awaits() must hold. */
struct window_message window_acknowledge(struct window *window);

/*
 * Marks all messages as unsent and not allowed, and numbers them as the first ones of a new
 * connection. Returns how many had been sent completely over the last connection.
 */
size_t window_rewind(struct window *window);

#endif
