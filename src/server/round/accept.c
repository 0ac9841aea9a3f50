/* accept: takes new connections, and stops to for a while when there is no room for more. */
#include "common/log.h"
#include "server/listener/socket.h"
#include "server/round/round.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_ROUND = 512, /* of each listener: then it is the connections' turn */
    GATHER_US = 200,         /* after several came at once: let those that follow gather */
    PAUSE_US = 100 * 1000,   /* until accept() is tried again after an error of the system */
    FAILURES_MAX = 64,       /* of single connections in a row: then it is the system's error */
    WHY_BYTES = 128,         /* hold why accepting failed; what is longer is cut */
};

static void watch_listeners(struct server *server, unsigned interest)
{
    for (size_t at = 0; at < server->listeners.count; at++)
        if (!readiness_watch(server->readiness, server->listeners.all[at].fd, interest)) {
            /* Cannot fail: room was made when the server began to watch it. */
        }
    server->accepting = interest != 0;
}

/* Stops accepting until a connection leaves or, at the latest, until `again`. */
static void pause_accepting(struct server *server, int64_t again, const char *why)
{
    if (episode_begins(&server->no_room)) {
        log_warning("%s: new connections wait (%" PRIu64 " are open)", why,
                    server->connections_count);
        server->metrics.accept_pauses++;
    }
    server->accept_again = again;
    watch_listeners(server, 0);
}

void accept_resume(struct server *server)
{
    bool room = server->connections_count < server->connections_max;

    if (!server->accepting && room) {
        watch_listeners(server, READY_READ);
        episode_calms(&server->no_room, server->now); /* who waits is accepted in this round */
    } else if (!room && (server->accepting || server->accept_again != DEADLINE_NEVER)) {
        pause_accepting(server, DEADLINE_NEVER, server->connections_max_why);
    }
}

/*
 * Takes the accepted descriptor over, where the peer is admitted. False: no memory, and the
 * descriptor is still the caller's.
 */
static bool add_connection(struct server *server, const struct listener *listener, int fd,
                           const struct address *peer)
{
    struct connection *connection = connections_add(server, fd, listener->settings);

    if (connection == NULL)
        return false;
    connection->is_unix = peer->storage.ss_family == AF_UNIX;
    if (connection->is_unix && !listener_socket_keep_urgent(fd)) {
        /* Cannot fail with these arguments; urgent data would be left out. */
    }
    if (admit_accepted(server, connection, peer))
        connections_settle(server, connection);
    else
        connections_close(server, connection, NULL);
    return true;
}

/* What to do after accept4() failed with errno. */
static void accept_failed(struct server *server)
{
    char why[WHY_BYTES];

    switch (errno) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
        return;
    case EMFILE:
    case ENFILE:
        pause_accepting(server, server->now + PAUSE_US, "out of descriptors");
        return;
    default:
        (void)snprintf(why, sizeof why, "cannot accept connections: %s", strerror(errno));
        pause_accepting(server, server->now + PAUSE_US, why);
    }
}

/* Errors of one connection that was not waiting any more (accept(2)); the next one may be fine. */
static bool concerns_one_connection(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

/* Takes one connection. False when there is no other to take now. */
static bool accept_one(struct server *server, const struct listener *listener)
{
    struct address peer = {.size = sizeof peer.storage};
    int fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (concerns_one_connection(errno) && ++server->accept_failures < FAILURES_MAX)
            return true;
        server->accept_failures = 0;
        accept_failed(server);
        return false;
    }
    server->accept_failures = 0;
    server->metrics.accepted++;
    if (!add_connection(server, listener, fd, &peer)) {
        (void)close(fd); /* the peer sees the end and tries again */
        server->metrics.refused[METRICS_REFUSED_MEMORY]++;
        pause_accepting(server, server->now + PAUSE_US, "out of memory");
        return false;
    }
    accept_resume(server);
    return server->accepting;
}

/* Takes those that wait at a listener; returns how many. */
static int accept_waiting(struct server *server, const struct listener *listener)
{
    int count = 0;

    while (count < ACCEPTS_PER_ROUND && accept_one(server, listener))
        count++;
    return count;
}

/* No more than the backlog holds: others may come all the time. */
static void accept_backlog(struct server *server, const struct listener *listener, uint64_t backlog)
{
    uint64_t left = backlog + 1;

    while (left > 0 && server->accepting && accept_one(server, listener))
        left--;
}

void accept_last(struct server *server, const struct listeners *listeners,
                 const struct listeners *but)
{
    accept_resume(server);
    for (size_t at = 0; at < listeners->count; at++) {
        struct listener listener = listeners->all[at];
        const struct listener_settings *section =
            settings_find(server->settings, listener.settings->config->name);
        if (listeners_have(but, listener.fd))
            continue;
        if (section != NULL)
            listener.settings = section; /* who may come in is said anew */
        accept_backlog(server, &listener, listeners->all[at].settings->config->backlog);
    }
}

void round_accept(struct server *server)
{
    bool burst = false;

    if (!server->accepting && server->accept_again <= server->now)
        accept_resume(server);
    for (size_t at = 0; server->accepting && at < server->listeners.count; at++) {
        const struct listener *listener = &server->listeners.all[at];
        if (readiness_take(server->readiness, listener->fd))
            burst = accept_waiting(server, listener) > 1 || burst;
    }
    if (burst && server->accepting) { /* to be woken for each of a burst costs more than to wait */
        server->accept_again = server->now + GATHER_US;
        watch_listeners(server, 0);
    }
}
