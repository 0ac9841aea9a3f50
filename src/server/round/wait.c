#include "server/round/wait.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/process/signals.h"
#include "server/round/admit.h"
#include "server/round/explain.h"
#include "server/round/read.h"
#include "server/round/reload.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* Whether connections wait for their answers, or for their messages to be committed. */
static bool has_unanswered(const struct server *server)
{
    return server->recording.committing || server->answers.count > 0;
}

/* Microseconds until the first deadline; negative: there is none. */
static int64_t time_left(const struct server *server)
{
    /* While connections wait for their answers, their time-outs wait, too. */
    int64_t due =
        has_unanswered(server) ? DEADLINE_NEVER : deadlines_first(server->connections.deadlines);

    if (!server->recording.committing && server->answers.count > 0)
        due = gathering_due(&server->gathering);
    if (housekeeping_due(server) < due)
        due = housekeeping_due(server);
    if (recording_wait_due(&server->recording) < due)
        due = recording_wait_due(&server->recording);
    if (due == DEADLINE_NEVER)
        return -1;
    int64_t left = due - clock_monotonic_us();
    return left > 0 ? left : 0;
}

static void close_late(struct server *server, struct connection *connection,
                       const struct overdue *overdue)
{
    connection->end = overdue->end;
    if (connection->state != CONNECTION_DISCARDING)
        explain_now(connection, overdue->why);
    if (connection->state == CONNECTION_PROXY)
        admit_refused(connection, METRICS_REFUSED_PROXY);
    (void)connection_say_farewell(connection); /* it is closed in any case */
    connections_close(server, connection, overdue->why);
}

/*
 * Closes the connections that were overdue when the last round began and did nothing in it. A slow
 * commit must not close a client that has sent something meanwhile, nor a full batch one that was
 * left for the next round.
 */
static void close_overdue(struct server *server)
{
    int fd;

    while ((fd = deadlines_take(server->connections.deadlines, server->now)) >= 0) {
        struct connection *connection = server->connections.all[fd];
        connection_note_confirmed(connection, server->now);
        const struct overdue overdue = connection_overdue(connection, server->now);
        if (*overdue.why == '\0')
            connections_settle(server, connection);
        else if (readiness_has(server->readiness, fd) &&
                 deadlines_set(server->connections.deadlines, fd, server->now + 1))
            continue; /* it is read first */
        else
            close_late(server, connection, &overdue);
    }
}

static void handle_signals(struct server *server)
{
    unsigned later = has_unanswered(server) ? SIGNAL_RELOAD : 0; /* between two commits */
    unsigned requests = server->requests | signals_take();

    server->requests = requests & later;
    requests &= ~later;
    if ((requests & SIGNAL_RELOAD) != 0 && !server->stopping)
        reload_configuration(server);
    if ((requests & SIGNAL_REPORT) != 0)
        housekeeping_report(server);
    if ((requests & SIGNAL_STOP) != 0)
        server->stopping = true;
}

/* The journal in a database goes on, if it has to between commits. */
static void tend_journal(struct server *server)
{
    bool ready = readiness_take(server->readiness, server->recording.watched);

    if (!server->recording.committing &&
        (ready || recording_wait_due(&server->recording) <= server->now) &&
        recording_tend(&server->recording, server->readiness, server->now))
        server->metrics.reconnects++;
}

void round_wait(struct server *server)
{
    if (!has_unanswered(server))
        close_overdue(server);
    readiness_hold(server->readiness, !round_may_read(server));
    if (server->connections.count < server->accepting.resume_below)
        accept_update(server);
    if (!readiness_wait(server->readiness, time_left(server))) {
        log_error("cannot wait for connections: select: %s", strerror(errno));
        server->status = EX_OSERR;
        server->stopping = true;
        return;
    }
    server->now = clock_monotonic_us();
    tend_journal(server);
    housekeeping_run(server);
    scrape_run(server);
    if (readiness_take(server->readiness, server->signals) || signals_came() ||
        server->requests != 0)
        handle_signals(server);
}
