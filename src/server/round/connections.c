#include "server/round/connections.h"

#include "common/log.h"
#include "server/round/admit.h"
#include "server/round/state.h"

#include <inttypes.h>
#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdlib.h>

/* The heap is trimmed only after a peak of at least this many connections. */
enum { TRIM_PEAK_MIN = 128 };

enum { US_PER_SECOND = 1000 * 1000 };

static bool make_room(struct connections *table, int fd)
{
    size_t size = table->size;

    if ((size_t)fd < size)
        return true;
    while (size <= (size_t)fd)
        size = size == 0 ? 64 : 2 * size;
    struct connection **all = realloc(table->all, size * sizeof *all);
    if (all == NULL)
        return false;
    for (size_t at = table->size; at < size; at++)
        all[at] = NULL;
    table->all = all;
    table->size = size;
    return true;
}

struct connection *connections_add(struct server *server, int fd,
                                   const struct listener_settings *settings)
{
    struct connections *table = &server->connections;

    if (!make_room(table, fd) || !readiness_add_socket(server->readiness, fd))
        return NULL;
    struct connection *connection = connection_new(fd, settings, server->now);
    if (connection == NULL) {
        readiness_forget(server->readiness, fd);
        return NULL;
    }
    table->all[fd] = connection;
    if (++table->count > table->peak)
        table->peak = table->count;
    return connection;
}

void connections_settle(struct server *server, struct connection *connection)
{
    bool writing = connection->out.size > 0;

    if (writing != connection->writing || connection->postponed) {
        if (!readiness_watch(server->readiness, connection->fd,
                             writing ? READY_WRITE : READY_READ)) {
            /* Cannot fail: there has been room since it was accepted. */
        }
        connection->writing = writing;
        connection->postponed = false;
    }
    if (writing && connection->roomy)
        readiness_write_again(server->readiness, connection->fd);
    if (!writing && (connection->more || connection->undrained))
        readiness_again(server->readiness, connection->fd);
    int64_t due = connection_overdue(connection, server->now).due;
    if (due < deadlines_of(server->connections.deadlines, connection->fd) &&
        !deadlines_set(server->connections.deadlines, connection->fd, due)) {
        connection->end = METRICS_ENDED_MEMORY;
        connections_close(server, connection, "out of memory for its timeout");
    }
}

/*
 * After half of many connections have been closed, returns their memory to the system: the
 * allocator does not while anything above it is in use.
 */
static void trim_heap(struct connections *table)
{
    if (table->peak < TRIM_PEAK_MIN || table->count > table->peak / 2)
        return;
    table->peak = table->count;
#ifdef HAVE_MALLOC_TRIM
    (void)malloc_trim(0); /* it does not matter whether there was any */
#endif
}

static void log_end(const struct connection *connection, int64_t now)
{
    log_debug("closed %s (%s): %" PRIu64 " messages in %" PRIu32 " seconds", connection->peer,
              connection->refused ? metrics_refusal_name(connection->refusal)
                                  : metrics_end_name(connection->end),
              connection->messages, (uint32_t)(now / US_PER_SECOND) - connection->accepted_s);
}

void connections_close(struct server *server, struct connection *connection, const char *why)
{
    if (why != NULL)
        peer_log_warning(&server->peer_log, server->now, connection, "closed %s: %s",
                         connection->peer, why);
    if (log_writes(LOG_LEVEL_DEBUG))
        log_end(connection, server->now);
    admit_leave(server, connection);
    readiness_forget(server->readiness, connection->fd);
    deadlines_clear(server->connections.deadlines, connection->fd);
    server->connections.all[connection->fd] = NULL;
    server->connections.count--;
    connection_free(connection);
    trim_heap(&server->connections);
}

static void refuse(struct server *server, struct connection *connection)
{
    const struct answer unsent = {.connection = connection};

    if (connection->end == METRICS_ENDED_BY_PEER) /* no other reason is known yet */
        connection->end = METRICS_ENDED_STOP;
    if (connection->state == CONNECTION_DISCARDING)
        return; /* already refused */
    connection->state = CONNECTION_REFUSING;
    /* A peer that is told does the closing: bytes that it sends meanwhile must not reset it. */
    bool quiet = !connection_say_farewell(connection) && connection_is_quiet(connection);
    if (quiet || !answers_add(&server->answers, unsent))
        connections_close(server, connection, NULL);
}

void connections_refuse_all(struct server *server)
{
    for (size_t at = 0; at < server->connections.size; at++)
        if (server->connections.all[at] != NULL)
            refuse(server, server->connections.all[at]);
}

void connections_close_all(struct server *server)
{
    for (size_t at = 0; at < server->connections.size; at++)
        if (server->connections.all[at] != NULL)
            connections_close(server, server->connections.all[at], NULL);
}

void connections_free(struct connections *connections)
{
    for (size_t at = 0; at < connections->size; at++)
        if (connections->all[at] != NULL)
            connection_free(connections->all[at]);
    free(connections->all);
    deadlines_free(connections->deadlines);
}
