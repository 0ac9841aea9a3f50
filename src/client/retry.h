/*
 * retry.h: connects an exchange and, with -r, reconnects it after the connection is lost. Decides
 * how often and how soon to try. Logs what it does.
 */
#ifndef TCPACK_CLIENT_RETRY_H
#define TCPACK_CLIENT_RETRY_H

#include "client/backoff.h"
#include "client/connect.h"
#include "client/exchange.h"
#include "client/outcome.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct retry {
    struct connect_target target;
    bool resend;      /* reconnect, and resend unacknowledged messages */
    uint64_t retries; /* maximum number of retries in a row; UINT64_MAX: no limit */

    uint64_t failed; /* attempts in a row without an acknowledgement */
    bool soon;       /* shorten the wait before the next attempt */
    bool connected;  /* a connection succeeded at least once */
    uint64_t acknowledged_before;
    unsigned refusals; /* of the oldest message, in a row: see retry_after_loss() */
    struct backoff backoff;
};

/* Without `resend`, `retries` is ignored. */
void retry_init(struct retry *retry, const struct connect_target *target, bool resend,
                uint64_t retries);

/*
 * Connects. With resend, retries up to the limit and waits between attempts. Returns OUTCOME_DONE,
 * or why there is no connection, which has been logged except for OUTCOME_INTERRUPTED.
 */
enum outcome retry_connect(struct retry *retry, struct exchange *exchange) MUST_USE;

/*
 * Closes the connection after exchange_receive() or exchange_tick() returned OUTCOME_LOST, and logs
 * why. OUTCOME_DONE: the caller may call retry_connect(). OUTCOME_LOST: do not reconnect.
 * OUTCOME_REFUSED: the server's reply refuses the oldest message (exchange->rejected); or, which
 * the caller logs, with resend, the server closed three connections in a row after only the oldest
 * message was sent.
 */
enum outcome retry_after_loss(struct retry *retry, struct exchange *exchange) MUST_USE;

#endif
