#include "server/round/wait.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/process/signals.h"
#include "server/round/admit.h"
#include "server/round/reload.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* Microseconds until the first deadline; negative: there is none. */
static int64_t time_left(const struct server *server)
{
    int64_t due = deadlines_first(server->connections.deadlines);

    if (housekeeping_due(server) < due)
        due = housekeeping_due(server);
    if (due == DEADLINE_NEVER)
        return -1;
    int64_t left = due - clock_monotonic_us();
    return left > 0 ? left : 0;
}

static void close_late(struct server *server, struct connection *connection,
                       const struct overdue *overdue)
{
    connection->end = overdue->end;
    if (connection->state == CONNECTION_PROXY)
        admit_refused(connection, METRICS_REFUSED_PROXY);
    connection_say_farewell(connection);
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
    unsigned requests = signals_take();

    if ((requests & SIGNAL_RELOAD) != 0 && !server->stopping)
        reload_configuration(server);
    if ((requests & SIGNAL_REPORT) != 0)
        housekeeping_report(server);
    if ((requests & SIGNAL_STOP) != 0)
        server->stopping = true;
}

void round_wait(struct server *server)
{
    close_overdue(server);
    if (server->connections.count < server->accepting.resume_below)
        accept_update(server);
    if (!readiness_wait(server->readiness, time_left(server))) {
        log_error("cannot wait for connections: select: %s", strerror(errno));
        server->status = EX_OSERR;
        server->stopping = true;
        return;
    }
    server->now = clock_monotonic_us();
    housekeeping_run(server);
    if (readiness_take(server->readiness, server->signals) || signals_came())
        handle_signals(server);
}
