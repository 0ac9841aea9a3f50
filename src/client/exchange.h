/*
 * exchange.h: the messages under way and the connection that carries them. It sends, takes replies
 * and matches them in order; it never waits: who owns the loop (transfer.h, load.h) asks what to
 * wait for. After a connection is lost, another one carries the same messages again.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange_settings {
    enum framing framing;
    size_t window;      /* messages under way at once */
    int64_t timeout_us; /* for an acknowledgement; 0: for ever */
    bool resend;        /* there will be another connection after one that was lost */

    /* Called for each acknowledgement. False: it could not be dealt with, errno says why. */
    bool (*acknowledged)(void *context, const struct acknowledgement *acknowledgement);
    void *context;
};

enum { EXCHANGE_PROBLEM_SIZE = 256 };

/* The fields may be read by anyone; only these functions change them. */
struct exchange {
    struct exchange_settings settings;
    struct totals *totals; /* the owner's; several exchanges may share it */
    struct client_connection connection;
    struct window window;
    struct replies replies;
    bool again;          /* the connection came after one that was lost */
    size_t answered;     /* messages acknowledged over the connection */
    size_t first_piece;  /* bytes that the send() took which began the oldest message */
    int64_t progress_us; /* when the oldest message last went forward */
    int64_t sent_us;     /* when bytes last went out */
    int64_t received_us; /* when bytes were last received */
    int send_error;      /* errno of a send() that failed; what had arrived before is still read */
    bool lost;           /* the connection is of no more use; `problem` says why */
    bool is_final;       /* lost, and another connection would not help */
    bool refused;        /* lost because the server ended it when one message only was sent */
    char problem[EXCHANGE_PROBLEM_SIZE];
};

/* False with errno ENOMEM; else the owner calls exchange_free(), which closes the connection too.
 */
bool exchange_init(struct exchange *exchange, const struct exchange_settings *settings,
                   struct totals *totals) MUST_USE;
void exchange_free(struct exchange *exchange);

/* Takes over an open connection, for all that is under way. */
void exchange_begin(struct exchange *exchange, const struct client_connection *connection,
                    int64_t now_us);

bool exchange_connected(const struct exchange *exchange);

/* Whether one more message may be under way. */
bool exchange_has_room(const struct exchange *exchange);

/* Takes one message, for which there is room and which the framing can carry. False, ENOMEM. */
bool exchange_add(struct exchange *exchange, uint64_t line, int64_t start_us, int64_t now_us,
                  const void *text, size_t size) MUST_USE;

/* Whether to wait until the connection can be written. */
bool exchange_wants_to_send(const struct exchange *exchange);

/* When exchange_tick() is due; WAIT_FOREVER (wait_set.h) where it is not. */
int64_t exchange_due(const struct exchange *exchange);

/* Sends what the connection takes. What is wrong with it, exchange_receive() says. */
void exchange_send(struct exchange *exchange, int64_t now_us);

/*
 * Receives once; looks at the time. OUTCOME_DONE: go on. OUTCOME_LOST, then and from then on: the
 * connection is of no more use, `problem` says why, and exchange_disconnect() comes next.
 * OUTCOME_FAILED: no memory, or settings.acknowledged said so; errno tells.
 */
enum outcome exchange_receive(struct exchange *exchange, int64_t now_us) MUST_USE;
enum outcome exchange_tick(struct exchange *exchange, int64_t now_us) MUST_USE;

/* The time that passed while nobody looked does not count against the server. */
void exchange_restart_timeout(struct exchange *exchange, int64_t now_us);

/*
 * Closes the connection, if there is one: with a reset where a message went out in part, so that
 * the server does not take the part for a message.
 */
void exchange_disconnect(struct exchange *exchange);

#endif
