/*
 * connection.h: one connected peer: its unfinished message, its unsent replies, and what it waits
 * for. Moves bytes between the socket and these buffers; knows no journal and no other connection.
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
    CONNECTION_READING,    /* waits for messages; while replies are unsent, for room for them */
    CONNECTION_MUTE,       /* a send failed: waits for what is still to come, answers nothing */
    CONNECTION_ENDING,     /* the peer has finished sending: waits until the replies are sent */
    CONNECTION_REFUSING,   /* we take no more of it: waits until the replies are sent */
    CONNECTION_DISCARDING, /* told the peer so: waits for its end, throws away what comes */
    CONNECTION_PROXY,      /* before all these: waits for the header that its proxy sends first */
};

struct connection {
    int fd; /* non-blocking; owned */
    enum connection_state state;
    bool admitted;     /* its address was checked and is counted */
    bool refused;      /* it counts so, for `refusal`, and not as ended */
    bool began;        /* its first message was looked at */
    bool is_unix;      /* its peer is on this machine, and cannot vanish without a word */
    bool ended;        /* the peer has finished sending; `in` may still hold messages */
    int broken;        /* errno with which sending broke, which recv() does not tell again; or 0 */
    bool more;         /* `in` may hold whole messages that were left for the next round */
    bool undrained;    /* the kernel may have more, though it says nothing of it */
    unsigned vain;     /* reads in a row that got nothing though there was something */
    unsigned interest; /* what readiness_watch() was told */
    const struct listener_settings *settings; /* held: connection_adopt() */
    enum framing framing;                     /* stays, whatever a reload says */
    struct framing_state framing_state;
    struct buffer in;  /* unfinished message; holds no memory while there is none */
    struct buffer out; /* replies that the kernel has not taken; likewise */
    /* Microseconds of the monotonic clock: */
    int64_t last_message;     /* came then, or the last replies went that were late; or connected */
    int64_t unfinished_since; /* 0: there is no unfinished message */
    int64_t unsent_since;     /* when sending got on, 0: nothing is unsent; DISCARDING: begin */
    int64_t sent_since;       /* since then no reply was confirmed; 0: none is under way */
    uint64_t sent;            /* bytes of replies that the kernel took */
    uint64_t confirmed;       /* of these, by the peer's system, when it was looked at last */
    enum metrics_refusal refusal;
    enum metrics_end end; /* why it ends, once it does */
    struct peer_key key;  /* the address of the peer; of the proxy while the state is PROXY */
    char peer[ADDRESS_PEER_SIZE];
};

/* A connection on `fd`, which it owns from now on. NULL with errno ENOMEM, and fd is the caller's.
 */
struct connection *connection_new(int fd, const struct listener_settings *settings,
                                  int64_t now) MUST_USE;

/* Goes over to other settings, after a reload. The framing stays: it may be amid a message. */
void connection_adopt(struct connection *connection, const struct listener_settings *settings);

/* Closes the descriptor and frees everything. */
void connection_free(struct connection *connection);

enum connection_received {
    CONNECTION_RECEIVED, /* there are bytes to look at */
    CONNECTION_NOTHING,  /* not now */
    CONNECTION_ENDED,    /* the peer has finished sending; there may be bytes to look at */
    CONNECTION_RESET,    /* the connection is broken, errno says how */
    CONNECTION_NO_MEMORY,
};

/*
 * One recv() of at most the settings' buffer_size bytes, unless `more` or `ended`. Sets *bytes and
 * *size to all bytes behind the last message: in `scratch`, which has room for buffer_size, or in
 * `in`. The caller looks at them and then calls connection_keep().
 */
enum connection_received connection_receive(struct connection *connection, unsigned char *scratch,
                                            const unsigned char **bytes, size_t *size) MUST_USE;

/* Keeps what is behind the first `used` of those bytes for the next time. False: errno ENOMEM. */
bool connection_keep(struct connection *connection, const unsigned char *bytes, size_t size,
                     size_t used) MUST_USE;

enum connection_sent {
    CONNECTION_SENT,   /* everything that there was */
    CONNECTION_UNSENT, /* something is left in `out` */
    CONNECTION_GONE,   /* the peer reads no more; nothing is left; what it sent can be read */
    CONNECTION_FAILED, /* sending or keeping failed otherwise: errno */
};

/* Whether errno `error` is the network's or the peer's: a way in which connections break. */
bool connection_is_broken_by(int error);

/* One send() of what is unsent or, where nothing is, of the replies given. Not for MUTE. */
enum connection_sent connection_send(struct connection *connection, const void *replies,
                                     size_t size) MUST_USE;

/*
 * Looks whether the peer's system confirmed replies that are under way, and sets `sent_since`. TCP
 * tries for a quarter of an hour to deliver them to a peer that is gone, without keepalive probes.
 */
void connection_note_confirmed(struct connection *connection, int64_t now);

/*
 * Whether closing it takes nothing away from the peer: nothing is unsent or unconfirmed by the
 * peer's kernel, and nothing is unread, which would make of the close a reset.
 */
bool connection_is_quiet(const struct connection *connection) MUST_USE;

/* Tells the peer that nothing more is sent, and goes over to DISCARDING. */
void connection_discard(struct connection *connection, int64_t now);

/* Throws away what came. False when there is nothing more to come: time to close. */
bool connection_drain(struct connection *connection, unsigned char *scratch, size_t size) MUST_USE;

/* Whether a connection's time is up. */
struct overdue {
    const char *why;      /* static text; "": it is not up */
    enum metrics_end end; /* where it is: what the connection's end counts as */
    int64_t due;          /* when it may be up; DEADLINE_NEVER */
};

struct overdue connection_overdue(const struct connection *connection, int64_t now) MUST_USE;

#endif
