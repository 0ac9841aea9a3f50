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
    FRAMING_AUTO,   /* LF once one was seen; until then, the end of the bytes from one recv() */
    FRAMING_LINE,   /* LF or CR LF */
    FRAMING_NUL,    /* NUL */
    FRAMING_OCTET,  /* LEN SP MSG, the octet counting of RFC 6587, section 3.4.1 */
    FRAMING_SYSLOG, /* a count or a line for each message, as syslog senders do */
    FRAMING_RELP,   /* RELP: commands with transaction numbers, each with a response */
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
    size_t scanned;  /* bytes of the unfinished message that were searched before */
    uint32_t number; /* relp: of the last command; 0: the session is not open */
    bool lines;      /* auto: the peer has sent a newline */
};

struct frame {
    const unsigned char *message; /* points into the bytes that framing_next() was given */
    size_t size;                  /* bytes of the message, without its ending */
    size_t consumed;              /* bytes of the stream, with count or ending */
    uint64_t ending;              /* one of enum framing_ending; relp: a number, 0: no response */
    bool last;                    /* the peer ends the session: nothing follows */
};

enum framing_result {
    FRAMING_MESSAGE,    /* frame has a whole message; the stream continues after frame.consumed */
    FRAMING_CONTROL,    /* no message: the frame has a response to be wrapped and sent */
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
 * answered. False with `out` unchanged and errno ENOMEM, or EINVAL if the framing has no such
 * ending.
 */
bool framing_wrap(enum framing framing, uint64_t ending, const void *text, size_t size,
                  struct buffer *out) MUST_USE;

/* The reply of a framing that has one of its own, or NULL: the configuration sets the reply. */
const char *framing_reply(enum framing framing);

/*
 * What a server sends before it closes a connection of its own accord, or NULL. Returns it only
 * once for each stream.
 */
const char *framing_farewell(enum framing framing, struct framing_state *state);

/*
 * For clients. Most framings are the same in both directions. relp is not, and gives each message a
 * transaction number. `number` counts the messages of a stream from 1.
 */

/* As framing_wrap(), for a message. Also fails with EMSGSIZE: too long for the framing. */
bool framing_wrap_message(enum framing framing, uint64_t number, const void *text, size_t size,
                          struct buffer *out) MUST_USE;

/* Finds the message in bytes[0..size), as it was wrapped. False: it was not. */
bool framing_unwrap_message(enum framing framing, const unsigned char *bytes, size_t size,
                            struct frame *frame) MUST_USE;

/* Turns a wrapped message into message `number` of another stream. Its size does not change. */
void framing_renumber(enum framing framing, uint64_t number, unsigned char *message);

/* The transaction number of a message, equal to the `ending` of its reply; 0: it has none. */
uint64_t framing_transaction(enum framing framing, uint64_t number);

/* As framing_next(), for replies. FRAMING_CONTROL with `last`: the server closes the session. */
enum framing_result framing_next_reply(enum framing framing, struct framing_state *state,
                                       const unsigned char *bytes, size_t size, size_t max_reply,
                                       struct frame *frame) MUST_USE;

/* Whether a reply acknowledges its message. Only a reply of relp can refuse it. */
bool framing_accepts(enum framing framing, const unsigned char *reply, size_t size);

/* Whether text[0..size) can be one message: a line has no LF, nul no NUL, syslog is not empty. */
bool framing_can_carry(enum framing framing, const void *text, size_t size);

/* Whether text[0..size) can be a part of each reply, however its message ended. */
bool framing_can_reply(enum framing framing, const void *text, size_t size);

/* Whether a stream that begins with these bytes is a RELP session, whatever the framing is. */
bool framing_begins_relp(const unsigned char *bytes, size_t size);

/* The names, in the order of enum framing, ended by NULL, as in the configuration. */
extern const char *const framing_names[];

#endif
