/*
 * retry.h: gets an exchange its connection, and with -r another one after it was lost: what to
 * connect to, how often and how soon to try. Says on standard error what happens.
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
    bool resend;      /* connect again, and send again what is not acknowledged */
    uint64_t retries; /* further attempts in a row after one that failed; UINT64_MAX: any number */

    uint64_t failed; /* attempts in a row without an acknowledgement */
    bool soon;       /* the wait before the next attempt is a short one */
    bool connected;  /* at least once */
    uint64_t acknowledged_before;
    unsigned refusals; /* of the oldest message, in a row: retry_after_loss() */
    struct backoff backoff;
};

/* `retries` is of no interest without `resend`. */
void retry_init(struct retry *retry, const struct connect_target *target, bool resend,
                uint64_t retries);

/*
 * Connects, with resend as often as it takes and is allowed, waiting in between. OUTCOME_DONE, or
 * why there is no connection, which was logged but for OUTCOME_INTERRUPTED.
 */
enum outcome retry_connect(struct retry *retry, struct exchange *exchange) MUST_USE;

/*
 * The exchange's connection is of no more use: logs why and drops it. OUTCOME_DONE: retry_connect()
 * may get another one. OUTCOME_LOST: that was it. OUTCOME_REFUSED, which the caller logs: with
 * resend, the server ended three connections in a row over which only the oldest message was sent.
 */
enum outcome retry_after_loss(struct retry *retry, struct exchange *exchange) MUST_USE;

#endif
