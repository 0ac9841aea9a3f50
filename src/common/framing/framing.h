/*
 * framing.h: finds where a message ends in a stream of bytes, and frames messages and replies.
 *
 * Pure: bytes in, frames out; no descriptor, clock or memory of its own. The server takes messages
 * out of the bytes from clients and wraps replies; the client wraps messages and takes replies out
 * of the bytes from the server, with the same functions. tcpack-protocol(7) describes each framing;
 * each is a file of this folder that implements struct framing_protocol (protocol.h).
 */
#ifndef TCPACK_COMMON_FRAMING_FRAMING_H
#define TCPACK_COMMON_FRAMING_FRAMING_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing {
    FRAMING_AUTO,  /* LF once one was seen; until then, the end of the bytes from one recv() */
    FRAMING_LINE,  /* LF or CR LF */
    FRAMING_NUL,   /* NUL */
    FRAMING_OCTET, /* LEN SP MSG, the octet counting of RFC 6587, section 3.4.1 */
};

/* How a message ended; framing_wrap() ends the reply the same way. */
enum framing_ending {
    FRAMING_ENDING_NONE, /* nothing: the end of a recv(), or of the stream */
    FRAMING_ENDING_LF,
    FRAMING_ENDING_CRLF,
    FRAMING_ENDING_NUL,
    FRAMING_ENDING_COUNT, /* a count before the message */
};

/* A framing's state of one stream between two calls. Zeroed at the stream's beginning. */
struct framing_state {
    size_t scanned; /* bytes of the unfinished message that were searched before */
    bool lines;     /* auto: the peer has sent a newline */
};

struct frame {
    const unsigned char *message; /* points into the bytes that framing_next() was given */
    size_t size;                  /* bytes of the message, without its ending */
    size_t consumed;              /* bytes of the stream, with count or ending */
    uint64_t ending;              /* one of enum framing_ending; another framing may need more */
};

enum framing_result {
    FRAMING_MESSAGE,    /* frame has a whole message; the stream continues after frame.consumed */
    FRAMING_UNFINISHED, /* no whole message yet: call again with these bytes and more after them */
    FRAMING_TOO_LONG,   /* the message has more than max_message bytes; the stream is unusable */
    FRAMING_MALFORMED,  /* no frame of this framing begins here; the stream is unusable */
};

/*
 * Looks for the next message in bytes[0..size), the stream from the end of the last message to the
 * last byte received. With `ended`, no byte will follow (the peer has finished sending): the rest
 * is then a message if the framing allows it, and FRAMING_UNFINISHED means that nothing is left.
 * However the stream is cut into pieces, line, nul and octet find the same messages; so does auto
 * from the first newline on.
 */
enum framing_result framing_next(enum framing framing, struct framing_state *state,
                                 const unsigned char *bytes, size_t size, bool ended,
                                 size_t max_message, struct frame *frame) MUST_USE;

/*
 * Appends the message or reply text[0..size) to `out`, framed. `ending` is that of the frame being
 * answered; a sender of messages passes framing_own_ending(). False with `out` unchanged and errno
 * ENOMEM, or EINVAL if the framing has no such ending.
 */
bool framing_wrap(enum framing framing, uint64_t ending, const void *text, size_t size,
                  struct buffer *out) MUST_USE;

/* The ending of a sender's messages: LF for auto and line, NUL for nul, a count for octet. */
uint64_t framing_own_ending(enum framing framing);

/* Whether text[0..size) can be sent as one message: a line contains no LF, nul no NUL. */
bool framing_can_carry(enum framing framing, const void *text, size_t size);

/* The names, in the order of enum framing, ended by NULL, as in the configuration. */
extern const char *const framing_names[];

#endif
