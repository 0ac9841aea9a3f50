/*
 * connection.h: one connected peer: its unfinished message, its unsent replies, and its state.
 * Moves bytes between the socket and these buffers. Knows neither the journal nor other
 * connections.
 */
#ifndef TCPACK_SERVER_CONNECTION_CONNECTION_H
#define TCPACK_SERVER_CONNECTION_CONNECTION_H

#include "common/address.h"
#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"
#include "server/connection/peer_key.h"
#include "server/metrics.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum connection_state {
    CONNECTION_READING,    /* waits for messages; with unsent replies, for room to send them */
    CONNECTION_MUTE,       /* a send failed: waits for the remaining messages, sends no replies */
    CONNECTION_ENDING,     /* the peer has finished sending: waits until the replies are sent */
    CONNECTION_REFUSING,   /* reads no more messages: waits until the replies are sent */
    CONNECTION_DISCARDING, /* has ended sending: waits for the peer's end, drops what arrives */
    CONNECTION_PROXY,      /* the first state: waits for the PROXY header */
};

/*
 * There may be a million of them, most of them idle: on 64-bit systems each takes 256 bytes, with
 * the allocator's 8.
 */
struct connection {
    int fd;              /* non-blocking; owned */
    int broken;          /* errno of a failed send(), which recv() does not report again; or 0 */
    uint32_t accepted_s; /* when it was accepted: seconds, monotonic */
    enum connection_state state : 8;
    enum framing framing : 8; /* a reload does not change it */
    enum metrics_refusal refusal : 8;
    enum metrics_end end : 8; /* why it ends; valid once it ends */
    bool admitted;            /* its address was checked and is counted */
    bool refused;             /* counted as refused (`refusal`), not as ended */
    bool began;               /* its first message was looked at */
    bool is_unix;             /* the peer is on this machine: it cannot vanish without an end */
    bool ended;               /* the peer has finished sending; `in` may still hold messages */
    bool more;                /* `in` may hold whole messages, left for the next round */
    bool undrained;           /* the kernel may have more bytes without signalling them */
    bool unanswered;      /* among the answers: not read, and not closed, before they are sent */
    bool postponed;       /* not watched meanwhile: there is something to read */
    bool writing;         /* watched for room to write, not for reading */
    bool roomy;           /* the last send() did not fail for lack of room */
    unsigned char futile; /* reads in a row that returned nothing though there were bytes */
    uint32_t sent;        /* bytes of replies that the kernel took, modulo 2^32 */
    const struct listener_settings *settings; /* held: connection_adopt() */
    struct framing_state framing_state;
    uint64_t messages; /* taken from it so far */
    struct buffer in;  /* unfinished message; holds no memory while empty */
    struct buffer out; /* replies that the kernel has not taken; holds no memory while empty */
    /* Microseconds of the monotonic clock: */
    int64_t last_message;     /* of the last message or its answer, of the last delayed send, or of
                               * accept() */
    int64_t unfinished_since; /* 0: there is no unfinished message */
    int64_t unsent_since;     /* of the last progress in sending; 0: nothing is unsent. In state
                               * DISCARDING: when it began */
    int64_t sent_since;       /* of the last confirmation of replies; 0: all are confirmed */
    uint32_t confirmed;       /* of `sent`, what the peer's kernel had at the last look */
    struct peer_key key;      /* the address of the peer; in state PROXY, of the proxy */
    char peer[ADDRESS_PEER_SIZE];
};

/* A connection that owns `fd`. NULL with errno ENOMEM; `fd` is then still the caller's. */
struct connection *connection_new(int fd, const struct listener_settings *settings,
                                  int64_t now) MUST_USE;

/* Takes other settings, after a reload. The framing stays: a message may be unfinished. */
void connection_adopt(struct connection *connection, const struct listener_settings *settings);

/* Closes the descriptor and frees everything. */
void connection_free(struct connection *connection);

enum connection_received {
    CONNECTION_RECEIVED, /* there are bytes */
    CONNECTION_NOTHING,  /* no bytes at the moment */
    CONNECTION_ENDED,    /* the peer has finished sending; there may be bytes */
    CONNECTION_RESET,    /* the connection is broken; with errno */
    CONNECTION_NO_MEMORY,
};

/*
 * Makes one recv() of at most buffer_size bytes (from the settings), unless `more` or `ended` is
 * set. Sets *bytes and *size to all bytes after the last message; they are in `scratch`, which has
 * room for twice buffer_size, or in `in`. The caller reads messages from them and then calls
 * connection_keep().
 */
enum connection_received connection_receive(struct connection *connection, unsigned char *scratch,
                                            const unsigned char **bytes, size_t *size) MUST_USE;

/* Keeps those bytes after the first `used` for the next call. False with errno ENOMEM. */
bool connection_keep(struct connection *connection, const unsigned char *bytes, size_t size,
                     size_t used) MUST_USE;

enum connection_sent {
    CONNECTION_SENT,   /* nothing is left */
    CONNECTION_UNSENT, /* some bytes are left in `out` */
    CONNECTION_GONE,   /* the peer reads no more; `out` is empty; its bytes can still be read */
    CONNECTION_FAILED, /* another error, or out of memory; with errno */
};

/* Whether errno `error` means that the network or the peer broke the connection. */
bool connection_is_broken_by(int error);

/*
 * Makes one send(): of the unsent bytes in `out` or, if there are none, of `replies`. Not for state
 * MUTE.
 */
enum connection_sent connection_send(struct connection *connection, const void *replies,
                                     size_t size) MUST_USE;

/*
 * Asks the kernel whether the peer's kernel confirmed more replies, and updates `sent_since`. TCP
 * tries for about 15 minutes to deliver them to a peer that is gone, without keepalive probes.
 */
void connection_note_confirmed(struct connection *connection, int64_t now);

/*
 * Whether a close loses nothing: everything is sent and confirmed by the peer's kernel, and nothing
 * is unread (unread bytes turn the close into a reset).
 */
bool connection_is_quiet(const struct connection *connection) MUST_USE;

/*
 * Sends the framing's last words before the server ends a connection of its own accord, if it has
 * any. Once: afterwards this sends nothing. The peer does not need them. Whether it sent some.
 */
bool connection_say_farewell(struct connection *connection);

/* Ends sending (shutdown(2)), drops both buffers and changes to state DISCARDING. */
void connection_discard(struct connection *connection, int64_t now);

/*
 * Receives up to `size` bytes into `scratch` and drops them. False if nothing more will arrive:
 * close the connection.
 */
bool connection_drain(struct connection *connection, unsigned char *scratch, size_t size) MUST_USE;

/* Whether a connection has exceeded a timeout. */
struct overdue {
    const char *why;      /* static text; "": it has not */
    enum metrics_end end; /* if it has: how the end of the connection is counted */
    int64_t due;          /* when to ask again; DEADLINE_NEVER: no timeout applies */
};

/* `now`: microseconds of clock_monotonic_us(). */
struct overdue connection_overdue(const struct connection *connection, int64_t now) MUST_USE;

#endif
