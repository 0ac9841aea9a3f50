/*
 * framing.h: where a message ends in a stream of bytes, and how a message or reply is put into one.
 *
 * Pure: bytes in, frames out; no descriptor, no clock, no memory of its own. The server takes
 * messages out of what clients send and wraps replies; the client wraps messages and takes replies
 * out of what the server sends, with the same functions. tcpack-protocol(7) describes each framing;
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
    FRAMING_AUTO,   /* LF once one was seen; until then, the end of what one recv() returned */
    FRAMING_LINE,   /* LF or CR LF */
    FRAMING_NUL,    /* NUL */
    FRAMING_OCTET,  /* LEN SP MSG, the octet counting of RFC 6587, section 3.4.1 */
    FRAMING_SYSLOG, /* a count or a line, message by message, as syslog senders do */
    FRAMING_RELP,   /* RELP: commands with transaction numbers, each with a response */
};

/* How a message ended, for those who must know; framing_wrap() takes it back for the reply. */
enum framing_ending {
    FRAMING_ENDING_NONE, /* nothing: the end of a recv(), or of sending */
    FRAMING_ENDING_LF,
    FRAMING_ENDING_CRLF,
    FRAMING_ENDING_NUL,
    FRAMING_ENDING_COUNT, /* it was counted in front */
};

/* What a framing remembers of one stream between two calls. Zeroed at the stream's beginning. */
struct framing_state {
    size_t scanned;  /* bytes of the unfinished message that were looked at before */
    uint32_t number; /* relp: of the last command; 0: the session is not open */
    bool lines;      /* auto: the peer has sent a newline */
};

struct frame {
    const unsigned char *message; /* points into the bytes that framing_next() was given */
    size_t size;                  /* bytes of the message, without its ending */
    size_t consumed;              /* bytes of the stream that it took, with count or ending */
    uint64_t ending;              /* one of enum framing_ending; relp: a number, 0: no response */
    bool last;                    /* the peer has said that it ends: nothing follows */
};

enum framing_result {
    FRAMING_MESSAGE,    /* frame holds a whole message; the stream goes on after frame.consumed */
    FRAMING_CONTROL,    /* no message: frame holds what to wrap and send back, in order */
    FRAMING_UNFINISHED, /* no whole message yet: call again with these bytes and more behind them */
    FRAMING_TOO_LONG,   /* the message has more than max_message bytes; the stream is lost */
    FRAMING_MALFORMED,  /* no frame of this framing begins here; the stream is lost */
};

/*
 * Looks for the next message in bytes[0..size), the stream from the end of the last message up to
 * the last byte received. `ended` says that no byte will follow (the peer has finished sending):
 * then what is left is a message, where the framing allows that, and FRAMING_UNFINISHED means that
 * nothing is left. Of a stream cut anywhere, line, nul and octet find the same messages; so does
 * auto from the first newline on.
 */
enum framing_result framing_next(enum framing framing, struct framing_state *state,
                                 const unsigned char *bytes, size_t size, bool ended,
                                 size_t max_message, struct frame *frame) MUST_USE;

/*
 * Appends the message or reply text[0..size) to `out` with what ends it. `ending` is that of the
 * frame which is answered. False, with `out` as
 * it was and errno ENOMEM when there is no memory, EINVAL when the framing has no such ending.
 */
bool framing_wrap(enum framing framing, uint64_t ending, const void *text, size_t size,
                  struct buffer *out) MUST_USE;

/*
 * The text that acknowledges a message in this framing, whatever the configuration says; NULL: the
 * configuration says it.
 */
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

/* The names, in the order of enum framing, ended by NULL: what the configuration calls them. */
extern const char *const framing_names[];

#endif
