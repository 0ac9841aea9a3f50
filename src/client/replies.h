/*
 * replies.h: takes replies out of what the server sends. With framing auto it finds out from the
 * first reply whether the server speaks lines (the first reply ends with a newline) or answers each
 * message with bare bytes, as the classroom server does (tcpack-protocol(7)). Pure.
 */
#ifndef TCPACK_CLIENT_REPLIES_H
#define TCPACK_CLIENT_REPLIES_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"

#include <stdbool.h>
#include <stddef.h>

enum replies_mode {
    REPLIES_UNDECIDED, /* auto, and no whole reply yet */
    REPLIES_BARE,      /* a reply is what is there */
    REPLIES_FRAMED,    /* replies end as the framing says: messages may follow each other */
};

/* A longer reply is no reply. */
enum { REPLIES_SIZE_MAX = 1024 * 1024 };

/* The fields may be read by anyone; only these functions change them. */
struct replies {
    enum replies_mode mode;
    enum framing framing; /* once framed */
    struct framing_state state;
    struct buffer bytes;
    size_t begin; /* where the next reply begins in bytes */
};

/* `framing` is that of the messages. The owner calls replies_free(). */
void replies_init(struct replies *replies, enum framing framing);

/*
 * A new connection: what was left of the old one is dropped. That the server speaks lines is kept;
 * that it does not was a guess, and is found out anew.
 */
void replies_restart(struct replies *replies);

/* Room for `size` bytes; NULL with errno ENOMEM. Replies taken before are gone afterwards. */
unsigned char *replies_room(struct replies *replies, size_t size) MUST_USE;
void replies_added(struct replies *replies, size_t size);

/* Bytes that were received and not taken. */
size_t replies_left(const struct replies *replies);

/*
 * Takes the next reply, as framing_next(). `settled` matters but for framed ones: nothing more will
 * come of this reply, so that one without a newline is whole. FRAMING_MALFORMED for bare ones: it
 * ends with a newline, so the server speaks lines and what was taken for a reply was a part of one.
 */
enum framing_result replies_next(struct replies *replies, bool settled,
                                 struct frame *reply) MUST_USE;

void replies_free(struct replies *replies);

#endif
