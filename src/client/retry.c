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

void link_init(struct link *link, const struct connection_target *target, bool resend,
               uint64_t retries)
{
    const int64_t wait_us = target->timeout_us > 0 ? target->timeout_us : 5000000;

    *link = (struct link){.target = *target, .resend = resend, .retries = retries};
    backoff_init(&link->backoff, wait_us, (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32);
}

/*
 * Counts a failure; whether another attempt is allowed. A connection that brought acknowledgements
 * is followed by another one soon: on a bad link each may bring only a few.
 */
static bool may_retry(struct link *link, const struct session *session)
{
    link->soon = session->figures->acknowledged > link->acknowledged_before;
    if (link->soon) {
        link->failed = 0;
        link->refusals = 0;
        backoff_reset(&link->backoff);
    }
    link->acknowledged_before = session->figures->acknowledged;
    if (!link->resend || link->failed >= link->retries)
        return false;
    link->failed++;
    return true;
}

void link_log_problems(const struct buffer *problems, void (*log)(const char *format, ...))
{
    size_t at = 0;

    while (at < problems->size) {
        const char *text = (const char *)problems->bytes + at;
        log("%s", text);
        at += strlen(text) + 1;
    }
}

static enum outcome attempt(struct link *link, struct session *session, bool *retry)
{
    struct buffer problems = {0};
    struct connection connection;
    enum outcome outcome = connection_open(&link->target, &connection, &problems);

    if (outcome == OUTCOME_DONE) {
        log_debug("connected to %s", connection.peer);
        link_log_problems(&problems, log_debug);
        link->connected = true;
        session_begin(session, &connection, clock_monotonic_us());
    } else if (outcome != OUTCOME_INTERRUPTED) {
        link->refusals = 0; /* a server that is away for a while refuses no message */
        /* A name that never had an address will not get one by waiting. */
        *retry = (outcome != OUTCOME_UNKNOWN_HOST || link->connected) && may_retry(link, session);
        link_log_problems(&problems, *retry ? log_warning : log_error);
    }
    buffer_free(&problems);
    return outcome;
}

/* False: a signal to end came first. */
static bool wait_before_next(struct link *link)
{
    int64_t wait_us = backoff_next(&link->backoff) / (link->soon ? SOON_DIVISOR : 1);
    int64_t due_us = clock_monotonic_us() + wait_us;

    log_info("trying again in %.2f seconds", (double)wait_us / 1e6);
    for (;;) {
        if (signals_interrupt() != 0)
            return false;
        if (waiting_for_one(-1, false, false, due_us) == WAITING_DUE)
            return true;
    }
}

enum outcome link_connect(struct link *link, struct session *session)
{
    for (;;) {
        bool retry = false;
        if (link->failed > 0 && !wait_before_next(link))
            return OUTCOME_INTERRUPTED;
        enum outcome outcome = attempt(link, session, &retry);
        if (!retry)
            return outcome;
    }
}

/*
 * Counts how often the oldest message was refused. The last attempt is made late, so that a server
 * whose disk was full for some seconds, which ends connections in the same way, still gets it.
 */
static bool is_refused_for_good(struct link *link, const struct session *session)
{
    link->refusals = session->refused ? link->refusals + 1 : 0;
    if (link->refusals == REFUSALS_MAX - 1)
        backoff_lengthen(&link->backoff);
    return link->refusals == REFUSALS_MAX;
}

enum outcome link_lost(struct link *link, struct session *session)
{
    bool again = may_retry(link, session) && !session->is_final;
    enum outcome outcome = again ? OUTCOME_DONE : OUTCOME_LOST;

    if (outcome == OUTCOME_DONE && is_refused_for_good(link, session))
        outcome = OUTCOME_REFUSED;
    (outcome == OUTCOME_DONE ? log_warning : log_error)("%s: %s", session->connection.peer,
                                                        session->problem);
    session_drop(session);
    return outcome;
}
