#include "server/round/scrape.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/listener/plan.h"
#include "server/metrics_http.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    US_PER_SECOND = 1000 * 1000,
    SILENT_US = 300 * US_PER_SECOND, /* for the next request, and its response */
    PAUSE_US = 100 * 1000,           /* until accept() is tried again after an error */
    RECEIVE_SIZE = 4096,
};

/* Opens the sockets for [metrics] listen, as for a section with that host and port. */
static bool listen_at(struct server *server, const char *listen, struct problem *problem)
{
    static const struct listeners none;
    static char no_name[] = "";
    struct scrape *scrape = &server->scrape;
    const struct settings settings = {.sections = &scrape->section, .count = 1};

    if (!endpoint_parse(listen, &scrape->endpoint, problem))
        return false;
    scrape->section.config = &scrape->config;
    scrape->config = (struct config_listener){
        .name = no_name,
        .host = scrape->endpoint.host,
        .port = scrape->endpoint.port,
        .backlog = server->settings->config.server.backlog,
        .keepalive = server->settings->config.server.keepalive,
    };
    if (!listeners_open(&scrape->listeners, &settings, &none, LISTENER_AT_START, problem))
        return false;
    for (size_t at = 0; at < scrape->listeners.count; at++)
        if (!readiness_watch(server->readiness, scrape->listeners.all[at].fd, READY_READ))
            return problem_set(problem, "%s", strerror(errno));
    return true;
}

bool scrape_open(struct server *server)
{
    const char *listen = server->settings->config.metrics.listen;
    struct problem problem;

    if (*listen == '\0' || listen_at(server, listen, &problem))
        return true;
    log_error("[metrics] listen = %s: %s", listen, problem.text);
    return false;
}

void scrape_log_start(const struct server *server)
{
    const struct listeners *listeners = &server->scrape.listeners;

    for (size_t at = 0; at < listeners->count; at++)
        log_notice("metrics at http://%s/metrics", listeners->all[at].address);
}

static void drop(struct server *server, size_t at)
{
    struct scrape *scrape = &server->scrape;
    struct scrape_connection *connection = &scrape->connections[at];

    readiness_forget(server->readiness, connection->fd);
    (void)close(connection->fd); /* the response was sent, or is given up */
    buffer_free(&connection->in);
    buffer_free(&connection->out);
    *connection = scrape->connections[--scrape->count];
}

void scrape_close(struct server *server)
{
    struct scrape *scrape = &server->scrape;

    while (scrape->count > 0)
        drop(server, scrape->count - 1);
    for (size_t at = 0; at < scrape->listeners.count; at++)
        readiness_forget(server->readiness, scrape->listeners.all[at].fd);
    listeners_close(&scrape->listeners, NULL);
}

/* The connection whose last request is the longest ago. */
static size_t first_due(const struct scrape *scrape)
{
    size_t first = 0;

    for (size_t at = 1; at < scrape->count; at++)
        if (scrape->connections[at].due < scrape->connections[first].due)
            first = at;
    return first;
}

/* Whether the listeners are watched. */
static void watch_listeners(struct server *server, unsigned interest)
{
    const struct listeners *listeners = &server->scrape.listeners;

    for (size_t at = 0; at < listeners->count; at++)
        if (!readiness_watch(server->readiness, listeners->all[at].fd, interest)) {
            /* Cannot fail: the descriptors are known. */
        }
}

/* A listener stays ready while accept() fails, for lack of descriptors or memory. */
static void pause_accepting(struct server *server)
{
    server->scrape.resume_at = server->now + PAUSE_US;
    watch_listeners(server, 0);
}

/* Accepts one connection; another one that waits is accepted in the next round. */
static void accept_one(struct server *server, int listener)
{
    struct scrape *scrape = &server->scrape;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            pause_accepting(server);
        return;
    }
    if (scrape->count == SCRAPE_CONNECTIONS_MAX)
        drop(server, first_due(scrape));
    if (readiness_watch(server->readiness, fd, READY_READ))
        scrape->connections[scrape->count++] =
            (struct scrape_connection){.fd = fd, .due = server->now + SILENT_US};
    else
        (void)close(fd); /* out of memory: it can try again */
}

/* Receives the next bytes; after the last response only to wait for their end. False: it came. */
static bool receive(struct scrape_connection *connection)
{
    unsigned char *room = buffer_reserve(&connection->in, RECEIVE_SIZE);
    ssize_t size = room == NULL ? 0 : recv(connection->fd, room, RECEIVE_SIZE, 0);

    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (!connection->last)
        connection->in.size += (size_t)size;
    return size > 0;
}

/* Sends what fits of the response. False: the connection is of no more use. */
static bool send_response(struct scrape_connection *connection)
{
    ssize_t sent = send(connection->fd, connection->out.bytes, connection->out.size, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    buffer_consume(&connection->out, (size_t)sent);
    return connection->out.size > 0 || !connection->last || shutdown(connection->fd, SHUT_WR) == 0;
}

/* Answers the next request, if it is complete. False: out of memory. */
static bool respond(struct server *server, struct scrape_connection *connection)
{
    struct metrics_request request;
    struct buffer body = {0};

    if (!metrics_http_parse(connection->in.bytes, connection->in.size, &request))
        return true;
    bool done = (request.status != 200 || metrics_format(housekeeping_figures(server), &body)) &&
                metrics_http_respond(&request, (time_t)(clock_wall_us() / US_PER_SECOND), &body,
                                     &connection->out);
    buffer_free(&body);
    buffer_consume(&connection->in, request.consumed);
    connection->last = request.close;
    connection->due = server->now + SILENT_US;
    return done;
}

/* One step: at most one request is answered in a round. False: close the connection. */
static bool serve(struct server *server, struct scrape_connection *connection)
{
    bool sending = connection->out.size > 0;

    if (!(sending ? send_response(connection) : receive(connection)))
        return false;
    if (connection->out.size == 0 && !connection->last && !respond(server, connection))
        return false;
    return readiness_watch(server->readiness, connection->fd,
                           connection->out.size > 0 ? READY_WRITE : READY_READ);
}

void scrape_run(struct server *server)
{
    struct scrape *scrape = &server->scrape;

    for (size_t at = scrape->count; at-- > 0;) /* from the end: drop() moves the last one */
        if (readiness_take(server->readiness, scrape->connections[at].fd) &&
            !serve(server, &scrape->connections[at]))
            drop(server, at);
    for (size_t at = 0; at < scrape->listeners.count; at++)
        if (readiness_take(server->readiness, scrape->listeners.all[at].fd))
            accept_one(server, scrape->listeners.all[at].fd);
}

int64_t scrape_due(const struct server *server)
{
    const struct scrape *scrape = &server->scrape;
    int64_t due = scrape->count == 0 ? DEADLINE_NEVER : scrape->connections[first_due(scrape)].due;

    return scrape->resume_at != 0 && scrape->resume_at < due ? scrape->resume_at : due;
}

void scrape_tick(struct server *server)
{
    struct scrape *scrape = &server->scrape;

    if (scrape->resume_at != 0 && scrape->resume_at <= server->now) {
        scrape->resume_at = 0;
        watch_listeners(server, READY_READ);
    }
    while (scrape_due(server) <= server->now)
        drop(server, first_due(scrape));
}
