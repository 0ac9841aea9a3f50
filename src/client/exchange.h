/*
 * exchange.h: messages in flight and their replies over one connection. It sends messages, receives
 * replies and matches them in order. It never waits: the caller's loop (transfer.c, load.c) asks
 * what to wait for. If the connection is lost, another one can carry the same messages again.
 */
#ifndef TCPACK_CLIENT_EXCHANGE_H
#define TCPACK_CLIENT_EXCHANGE_H

#include "client/acknowledgement.h"
#include "client/connect.h"
#include "client/replies.h"
#include "client/totals.h"
#include "client/window.h"
#include "common/compiler.h"
#include "common/framing/framing.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange_settings {
    enum framing framing;
    size_t window;       /* messages in flight at once, at least 1 */
    size_t window_bytes; /* and bytes, at least 1 */
    int64_t timeout_us;  /* for an acknowledgement; 0: no limit */
    bool resend;         /* the caller replaces a lost connection */

    /* Called for each acknowledgement. Returns false with errno if it fails. */
    bool (*acknowledged)(void *context, const struct acknowledgement *acknowledgement);
    void *context;
};

/* Other parts may read the fields; only these functions change them. */
struct exchange {
    struct exchange_settings settings;
    struct totals *totals; /* the owner's; several exchanges may share it */
    struct client_connection connection;
    struct window window;
    struct replies replies;
    bool again;          /* an earlier connection was lost */
    size_t answered;     /* messages acknowledged over this connection */
    size_t first_piece;  /* bytes accepted by the send() that started the oldest message */
    int64_t progress_us; /* when the time-out of the oldest message started */
    int64_t sent_us;     /* when bytes were last sent */
    int64_t received_us; /* when bytes were last received */
    int send_error;      /* errno of a failed send(); replies already received are still read */
    bool lost;           /* the connection cannot be used any longer; `problem` says why */
    bool is_final;       /* lost, and another connection would not help */
    bool refused;        /* the server closed the connection after only one message was sent */
    bool rejected;       /* the server's reply refuses the oldest message */
    struct problem problem;
};

/* The caller calls exchange_free() later, which also closes the connection. */
void exchange_init(struct exchange *exchange, const struct exchange_settings *settings,
                   struct totals *totals);
void exchange_free(struct exchange *exchange);

/* Takes over an open connection. All messages in flight will be sent over it. */
void exchange_begin(struct exchange *exchange, const struct client_connection *connection,
                    int64_t now_us);

bool exchange_connected(const struct exchange *exchange);

/* Whether one more message can be added. */
bool exchange_has_room(const struct exchange *exchange);

/*
 * Adds one message. There must be room for it, and the framing must be able to carry it. Returns
 * false with errno ENOMEM.
 */
bool exchange_add(struct exchange *exchange, uint64_t line, int64_t start_us, int64_t now_us,
                  const void *text, size_t size) MUST_USE;

/* Whether to wait until the connection is writable. For use after exchange_send(). */
bool exchange_wants_to_send(const struct exchange *exchange);

/* When exchange_tick() is due; WAIT_FOREVER (wait_set.h) if never. */
int64_t exchange_due(const struct exchange *exchange);

/* Sends as much as the connection accepts. exchange_receive() reports errors. */
void exchange_send(struct exchange *exchange, int64_t now_us);

/*
 * exchange_receive() calls recv() once; exchange_tick() checks the time-outs. OUTCOME_DONE: go on.
 * OUTCOME_LOST, also from every later call: the connection cannot be used any longer, `problem`
 * says why, and the caller calls exchange_disconnect(). OUTCOME_FAILED with errno: out of memory,
 * or settings.acknowledged failed.
 */
enum outcome exchange_receive(struct exchange *exchange, int64_t now_us) MUST_USE;
enum outcome exchange_tick(struct exchange *exchange, int64_t now_us) MUST_USE;

/* Restarts the time-out: the caller did not read replies, so the server is not to blame. */
void exchange_restart_timeout(struct exchange *exchange, int64_t now_us);

/*
 * Ends the session in order, if the framing has one and all messages are acknowledged. Waits up to
 * a second for the server's response.
 */
void exchange_finish(struct exchange *exchange);

/*
 * Closes the connection, if there is one. If only a part of a message was sent, closes it with a
 * reset: otherwise the server would record the part as a message.
 */
void exchange_disconnect(struct exchange *exchange);

#endif
