#include "server/round/accept.h"

#include "common/log.h"
#include "server/listener/socket.h"
#include "server/round/admit.h"
#include "server/round/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_ROUND = 512, /* from each listener, before connections are read again */
    GATHER_US = 200,         /* pause after a burst, in which more connections gather */
    PAUSE_US = 100 * 1000,   /* until accept() is tried again after a system error */
    FAILURES_MAX = 64,       /* of single connections in a row; one more is a system error */
    WHY_BYTES = 128,         /* for the reason of a failure; a longer one is cut */
};

static bool watch_listeners(struct server *server, unsigned interest)
{
    for (size_t at = 0; at < server->listeners.count; at++)
        if (!readiness_watch(server->readiness, server->listeners.all[at].fd, interest))
            return false;
    return true;
}

bool accept_begin(struct server *server)
{
    server->accepting = (struct accepting){.active = true, .again = DEADLINE_NEVER};
    return watch_listeners(server, READY_READ);
}

void accept_end(struct server *server)
{
    for (size_t at = 0; at < server->listeners.count; at++)
        readiness_forget(server->readiness, server->listeners.all[at].fd);
    listeners_close(&server->listeners, NULL);
    server->accepting = (struct accepting){.again = DEADLINE_NEVER};
}

static void resume(struct server *server)
{
    if (!watch_listeners(server, READY_READ)) {
        /* Cannot fail: there has been room since the server began to watch them. */
    }
    server->accepting.active = true;
    server->accepting.resume_below = 0;
}

/* Stops accepting until fewer than `below` connections are open, or until `again`. */
static void stop(struct server *server, int64_t again, uint64_t below)
{
    if (!watch_listeners(server, 0)) {
        /* Cannot fail, as above. */
    }
    server->accepting.active = false;
    server->accepting.again = again;
    server->accepting.resume_below = below;
}

/* Pauses after a system error, until a connection is closed or some time has passed. */
static void pause_accepting(struct server *server, int64_t again, uint64_t below, const char *why)
{
    if (episode_begins(&server->accepting.full)) {
        log_warning("%s: new connections wait (%" PRIu64 " are open)", why,
                    server->connections.count);
        server->metrics.accept_pauses++;
    }
    stop(server, again, below);
}

/* The same for the usual length. */
static void pause_a_while(struct server *server, const char *why)
{
    pause_accepting(server, server->now + PAUSE_US, server->connections.count, why);
}

void accept_update(struct server *server)
{
    struct accepting *accepting = &server->accepting;
    bool room = server->connections.count < accepting->max;

    if (!accepting->active && room) {
        resume(server);
        episode_calms(&accepting->full,
                      server->now); /* the waiting peers are accepted in this round */
    } else if (!room && (accepting->active || accepting->again != DEADLINE_NEVER)) {
        pause_accepting(server, DEADLINE_NEVER, accepting->max, accepting->max_why);
    }
}

static void log_accepted(const struct server *server, const struct connection *connection)
{
    char title[CONFIG_TITLE_SIZE];

    log_debug("accepted %s for %s: %" PRIu64 " are open", connection->peer,
              config_listener_title(connection->settings->config, title),
              server->connections.count);
}

/*
 * Adds a connection for the accepted descriptor, and closes it if the peer is not admitted. False:
 * out of memory, and the descriptor is still the caller's.
 */
static bool add_connection(struct server *server, const struct listener *listener, int fd,
                           const struct address *peer)
{
    struct connection *connection = connections_add(server, fd, listener->settings);

    if (connection == NULL)
        return false;
    struct metrics_listener *figures =
        metrics_listener(&server->metrics, listener->settings->config->name);
    if (figures != NULL) /* else: out of memory */
        figures->accepted++;
    connection->is_unix = peer->storage.ss_family == AF_UNIX;
    if (connection->is_unix && !listener_socket_keep_urgent(fd)) {
        /* Cannot fail with these arguments. Without it, urgent data would be lost. */
    }
    bool admitted = admit_accepted(server, connection, peer);
    if (log_writes(LOG_LEVEL_DEBUG))
        log_accepted(server, connection);
    if (admitted)
        connections_settle(server, connection);
    else
        connections_close(server, connection, NULL);
    return true;
}

/* Handles an accept4() that failed with errno. */
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
        pause_a_while(server, "out of descriptors");
        return;
    default:
        (void)snprintf(why, sizeof why, "cannot accept connections: %s", strerror(errno));
        pause_a_while(server, why);
    }
}

/* Whether it is an error of one connection that has gone (accept(2)): the next one may be fine. */
static bool concerns_one_connection(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

/* Accepts one connection. False if there is no other to accept now. */
static bool accept_one(struct server *server, const struct listener *listener)
{
    struct address peer = {.size = sizeof peer.storage};
    int fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (concerns_one_connection(errno) && ++server->accepting.failures < FAILURES_MAX)
            return true;
        server->accepting.failures = 0;
        accept_failed(server);
        return false;
    }
    server->accepting.failures = 0;
    server->metrics.accepted++;
    if (!add_connection(server, listener, fd, &peer)) {
        (void)close(fd); /* the peer sees the end and can try again */
        server->metrics.refused[METRICS_REFUSED_MEMORY]++;
        pause_a_while(server, "out of memory");
        return false;
    }
    accept_update(server);
    return server->accepting.active;
}

/* Accepts the connections waiting at a listener; returns how many. */
static int accept_waiting(struct server *server, const struct listener *listener)
{
    int count = 0;

    while (count < ACCEPTS_PER_ROUND && accept_one(server, listener))
        count++;
    return count;
}

/* Accepts no more than the backlog holds: new ones may keep arriving. */
static void accept_backlog(struct server *server, const struct listener *listener, uint64_t backlog)
{
    uint64_t left = backlog + 1;

    while (left > 0 && server->accepting.active && accept_one(server, listener))
        left--;
}

void accept_last(struct server *server, const struct listeners *listeners,
                 const struct listeners *but)
{
    accept_update(server);
    for (size_t at = 0; at < listeners->count; at++) {
        struct listener listener = listeners->all[at];
        const struct listener_settings *section =
            settings_find(server->settings, listener.settings->config->name);
        if (listeners_have(but, listener.fd))
            continue;
        if (section != NULL)
            listener.settings = section; /* with the new access lists */
        accept_backlog(server, &listener, listeners->all[at].settings->config->backlog);
    }
}

void round_accept(struct server *server)
{
    bool burst = false;

    for (size_t at = 0; server->accepting.active && at < server->listeners.count; at++) {
        const struct listener *listener = &server->listeners.all[at];
        if (readiness_take(server->readiness, listener->fd))
            burst = accept_waiting(server, listener) > 1 || burst;
    }
    if (burst && server->accepting.active) /* waking up for each connection of a burst costs more */
        stop(server, server->now + GATHER_US, 0);
}
