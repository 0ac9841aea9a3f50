/*
 * replies.h: extracts replies from the bytes that the server sends. With framing auto, the first
 * reply shows whether the server sends lines (the reply ends with a newline) or bare bytes for each
 * message, as the classroom server does (tcpack-protocol(7)). Pure.
 */
#ifndef TCPACK_CLIENT_REPLIES_H
#define TCPACK_CLIENT_REPLIES_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"

#include <stdbool.h>
#include <stddef.h>

enum replies_mode {
    REPLIES_UNDECIDED, /* framing auto, no complete reply yet */
    REPLIES_BARE,      /* all bytes received so far are one reply */
    REPLIES_FRAMED,    /* the framing ends replies: several messages may be in flight */
};

/* Longer replies are an error. */
enum { REPLIES_SIZE_MAX = 1024 * 1024 };

/* Other parts may read the fields; only these functions change them. */
struct replies {
    enum replies_mode mode;
    enum framing framing; /* of REPLIES_FRAMED */
    struct framing_state state;
    struct buffer bytes;
    size_t begin; /* start of the next reply in `bytes` */
};

/* `framing` is that of the messages. The caller calls replies_free() later. */
void replies_init(struct replies *replies, enum framing framing);

/*
 * Starts a new connection and drops the bytes left from the old one. A server known to send lines
 * is still taken to send lines. Bare replies were only a guess, so the mode is decided again.
 */
void replies_restart(struct replies *replies);

/*
 * Returns room for `size` bytes, or NULL with errno ENOMEM. Replies taken before are no longer
 * valid. The caller receives into the room and calls replies_added().
 */
unsigned char *replies_room(struct replies *replies, size_t size) MUST_USE;
void replies_added(struct replies *replies, size_t size);

/* The number of bytes received but not taken. */
size_t replies_left(const struct replies *replies);

/*
 * Takes the next reply, as framing_next() does. `settled` (ignored for framed replies): no more
 * bytes of this reply are expected, so a reply without a newline is complete. With bare replies,
 * FRAMING_MALFORMED means that the reply ends with a newline: the server sends lines, and an
 * earlier reply was only a part of one.
 */
enum framing_result replies_next(struct replies *replies, bool settled,
                                 struct frame *reply) MUST_USE;

/*
 * Whether the bytes left, or the text of a reply, are a line `refused: ...`, by which a server says
 * why it closes the connection (explain in tcpack.ini(5)). It acknowledges nothing.
 */
bool replies_is_refusal(const struct replies *replies, struct frame *refusal) MUST_USE;
bool replies_refuses(const struct frame *reply) MUST_USE;

void replies_free(struct replies *replies);

#endif
