#include "client/retry.h"

#include "client/signals.h"
#include "client/wait_set.h"
#include "common/clock.h"
#include "common/log.h"

#include <string.h>
#include <unistd.h>

enum {
    REFUSALS_MAX = 3, /* of one message */
    SOON_DIVISOR = 10,
};

void retry_init(struct retry *retry, const struct connect_target *target, bool resend,
                uint64_t retries)
{
    const int64_t wait_us = target->timeout_us > 0 ? target->timeout_us : 5000000;

    *retry = (struct retry){.target = *target, .resend = resend, .retries = retries};
    backoff_init(&retry->backoff, wait_us, (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32);
}

/*
 * Counts a failure and returns whether another attempt is allowed. After a connection that yielded
 * acknowledgements, the wait is short: over a bad network each connection may yield only a few.
 */
static bool may_retry(struct retry *retry, const struct exchange *exchange)
{
    retry->soon = exchange->totals->acknowledged > retry->acknowledged_before;
    if (retry->soon) {
        retry->failed = 0;
        retry->refusals = 0;
        backoff_reset(&retry->backoff);
    }
    retry->acknowledged_before = exchange->totals->acknowledged;
    if (!retry->resend || retry->failed >= retry->retries)
        return false;
    retry->failed++;
    return true;
}

static enum outcome attempt(struct retry *retry, struct exchange *exchange, bool *again)
{
    struct buffer problems = {0};
    struct client_connection connection;
    enum outcome outcome = connect_open(&retry->target, &connection, &problems);

    if (outcome == OUTCOME_DONE) {
        log_debug("connected to %s", connection.peer);
        connect_log_problems(&problems, log_debug);
        retry->connected = true;
        exchange_begin(exchange, &connection, clock_monotonic_us());
    } else if (outcome != OUTCOME_INTERRUPTED) {
        retry->refusals = 0; /* the server is down: that is not a refusal */
        /* Do not retry a name that has never had an address. */
        *again =
            (outcome != OUTCOME_UNKNOWN_HOST || retry->connected) && may_retry(retry, exchange);
        connect_log_problems(&problems, *again ? log_warning : log_error);
    }
    buffer_free(&problems);
    return outcome;
}

/* Returns false if a signal to end arrives first. */
static bool wait_before_next(struct retry *retry)
{
    int64_t wait_us = backoff_next(&retry->backoff) / (retry->soon ? SOON_DIVISOR : 1);
    int64_t due_us = clock_monotonic_us() + wait_us;

    log_info("connecting again in %.2f seconds", (double)wait_us / 1e6);
    for (;;) {
        if (signals_interrupt() != 0)
            return false;
        if (wait_for_one(-1, false, false, due_us) == WAIT_DUE)
            return true;
    }
}

enum outcome retry_connect(struct retry *retry, struct exchange *exchange)
{
    for (;;) {
        bool again = false;
        if (retry->failed > 0 && !wait_before_next(retry))
            return OUTCOME_INTERRUPTED;
        enum outcome outcome = attempt(retry, exchange, &again);
        if (!again)
            return outcome;
    }
}

/*
 * Counts how often the server has refused the oldest message. A server with a full disk closes
 * connections in the same way. The last attempt is therefore made late, to give a disk that is full
 * for a few seconds a chance.
 */
static bool is_refused_for_good(struct retry *retry, const struct exchange *exchange)
{
    retry->refusals = exchange->refused ? retry->refusals + 1 : 0;
    if (retry->refusals == REFUSALS_MAX - 1)
        backoff_lengthen(&retry->backoff);
    return retry->refusals == REFUSALS_MAX;
}

enum outcome retry_after_loss(struct retry *retry, struct exchange *exchange)
{
    bool again = may_retry(retry, exchange) && !exchange->is_final;
    enum outcome outcome = again ? OUTCOME_DONE : OUTCOME_LOST;

    if (outcome == OUTCOME_DONE && is_refused_for_good(retry, exchange))
        outcome = OUTCOME_REFUSED;
    if (exchange->rejected)
        outcome = OUTCOME_REFUSED;
    (outcome == OUTCOME_DONE ? log_warning : log_error)("%s: %s", exchange->connection.peer,
                                                        exchange->problem.text);
    exchange_disconnect(exchange);
    return outcome;
}
