/* connections: the table of those that are open: they come, wait for something, and go. */
#include "common/log.h"
#include "server/round/round.h"

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdlib.h>

/* So many connections are a crowd: fewer leave too little memory behind to look for it. */
enum { CROWD_MIN = 128 };

static bool make_room(struct server *server, int fd)
{
    size_t size = server->connections_size;

    if ((size_t)fd < size)
        return true;
    while (size <= (size_t)fd)
        size = size == 0 ? 64 : 2 * size;
    struct connection **connections = realloc(server->connections, size * sizeof *connections);
    if (connections == NULL)
        return false;
    for (size_t at = server->connections_size; at < size; at++)
        connections[at] = NULL;
    server->connections = connections;
    server->connections_size = size;
    return true;
}

struct connection *connections_add(struct server *server, int fd,
                                   const struct listener_settings *settings)
{
    if (!make_room(server, fd) || !readiness_add_socket(server->readiness, fd))
        return NULL;
    struct connection *connection = connection_new(fd, settings, server->now);
    if (connection == NULL) {
        readiness_forget(server->readiness, fd);
        return NULL;
    }
    connection->interest = READY_READ;
    server->connections[fd] = connection;
    if (++server->connections_count > server->connections_peak)
        server->connections_peak = server->connections_count;
    return connection;
}

void connections_settle(struct server *server, struct connection *connection)
{
    unsigned interest = connection->out.size > 0 ? READY_WRITE : READY_READ;

    if (interest != connection->interest) {
        if (!readiness_watch(server->readiness, connection->fd, interest)) {
            /* Cannot fail: room was made when it was accepted. */
        }
        connection->interest = interest;
    }
    if ((connection->more || connection->undrained) && interest == READY_READ)
        readiness_again(server->readiness, connection->fd);
    int64_t due = connection_overdue(connection, server->now).due;
    if (due < deadlines_of(server->deadlines, connection->fd) &&
        !deadlines_set(server->deadlines, connection->fd, due)) {
        connection->end = METRICS_ENDED_MEMORY;
        connections_close(server, connection, "out of memory for its timeout");
    }
}

/*
 * Once half of a crowd has left, gives the memory that it used back to the system: it does not go
 * by itself while something lies behind it.
 */
static void give_memory_back(struct server *server)
{
    uint64_t crowd = server->connections_peak;

    if (crowd < CROWD_MIN || server->connections_count > crowd / 2)
        return;
    server->connections_peak = server->connections_count;
#ifdef HAVE_MALLOC_TRIM
    (void)malloc_trim(0); /* whether there was something to give is no matter */
#endif
}

void connections_close(struct server *server, struct connection *connection, const char *why)
{
    if (why != NULL)
        complain(server, connection, "closed %s: %s", connection->peer, why);
    else
        log_debug("closed %s", connection->peer);
    admit_leave(server, connection);
    readiness_forget(server->readiness, connection->fd);
    deadlines_clear(server->deadlines, connection->fd);
    server->connections[connection->fd] = NULL;
    server->connections_count--;
    connection_free(connection);
    give_memory_back(server);
    accept_resume(server);
}

static void refuse(struct server *server, struct connection *connection)
{
    const struct answer unsent = {.connection = connection};

    if (connection->end == METRICS_ENDED_BY_PEER) /* there is no other reason yet */
        connection->end = METRICS_ENDED_STOP;
    if (connection->state == CONNECTION_DISCARDING)
        return; /* it was refused before */
    connection->state = CONNECTION_REFUSING;
    if (connection_is_quiet(connection) || !answer_add(server, unsent))
        connections_close(server, connection, NULL);
}

void connections_refuse_all(struct server *server)
{
    for (size_t at = 0; at < server->connections_size; at++)
        if (server->connections[at] != NULL)
            refuse(server, server->connections[at]);
}

void connections_close_all(struct server *server)
{
    for (size_t at = 0; at < server->connections_size; at++)
        if (server->connections[at] != NULL)
            connections_close(server, server->connections[at], NULL);
}
