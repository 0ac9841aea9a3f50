#include "server/round/scrape.h"

#include "common/address.h"
#include "common/clock.h"
#include "common/config/endpoint.h"
#include "common/log.h"
#include "server/listener/socket.h"
#include "server/metrics_http.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    US_PER_SECOND = 1000 * 1000,
    IDLE_US = 300 * US_PER_SECOND, /* between two requests */
    STALL_US = 10 * US_PER_SECOND, /* for a request, or a response */
    PAUSE_US = 100 * 1000,         /* until accept() is tried again after an error */
    RECEIVE_SIZE = 4096,
};

/* -------------------------------------------------------------------------------- listening */

/* Opens a socket for the address. False with errno. */
static bool listen_at(struct server *server, const struct address *address)
{
    struct scrape *scrape = &server->scrape;
    struct unix_socket file = {0};

    if (scrape->listeners_count == SCRAPE_LISTENERS_MAX)
        return true;
    int fd = listener_socket_open(address, &server->settings->config.server, false, &file);
    if (fd < 0)
        return false;
    scrape->listeners[scrape->listeners_count++] = fd;
    return readiness_watch(server->readiness, fd, READY_READ);
}

/* False with errno and the address in `text`. */
static bool listen_at_all(struct server *server, const struct address_list *list,
                          char text[ADDRESS_TEXT_SIZE])
{
    for (size_t at = 0; at < list->count; at++) {
        (void)address_text(&list->addresses[at], text, ADDRESS_TEXT_SIZE);
        if (!listen_at(server, &list->addresses[at]) && (list->count == 1 || errno != EAFNOSUPPORT))
            return false;
    }
    return true;
}

bool scrape_open(struct server *server)
{
    const char *listen = server->settings->config.metrics.listen;
    struct address_list list = {0};
    struct endpoint endpoint;
    struct problem problem;
    char text[ADDRESS_TEXT_SIZE] = "";

    if (*listen == '\0')
        return true;
    bool opened = endpoint_parse(listen, &endpoint, &problem) &&
                  address_resolve(endpoint.host, endpoint.port, ADDRESS_TO_LISTEN, &list, &problem);
    if (opened && !listen_at_all(server, &list, text))
        opened = problem_set(&problem, "%s: %s", text, strerror(errno));
    if (!opened)
        log_error("cannot listen on %s for metrics ([metrics] listen): %s", listen, problem.text);
    address_list_free(&list);
    return opened;
}

void scrape_log_start(const struct server *server)
{
    struct address bound;
    char text[ADDRESS_TEXT_SIZE];

    for (size_t at = 0; at < server->scrape.listeners_count; at++) {
        bound = (struct address){.size = sizeof bound.storage};
        if (getsockname(server->scrape.listeners[at], (struct sockaddr *)&bound.storage,
                        &bound.size) != 0)
            continue; /* does not happen: a listening socket has a name */
        (void)address_text(&bound, text, sizeof text);
        log_notice("metrics at http://%s/metrics", text);
    }
}

/* ------------------------------------------------------------------------------- connections */

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
    for (size_t at = 0; at < scrape->listeners_count; at++) {
        readiness_forget(server->readiness, scrape->listeners[at]);
        (void)close(scrape->listeners[at]); /* nothing was written through it */
    }
    scrape->listeners_count = 0;
    scrape->again = 0;
}

/* The connection that is due first: it has been silent for the longest time. */
static size_t first_due(const struct scrape *scrape)
{
    size_t first = 0;

    for (size_t at = 1; at < scrape->count; at++)
        if (scrape->connections[at].due < scrape->connections[first].due)
            first = at;
    return first;
}

static void watch_listeners(struct server *server, unsigned interest)
{
    for (size_t at = 0; at < server->scrape.listeners_count; at++)
        if (!readiness_watch(server->readiness, server->scrape.listeners[at], interest)) {
            /* Cannot fail: there has been room since they were opened. */
        }
}

/* A listener stays ready while accept() fails, for lack of descriptors or memory. */
static void pause_accepting(struct server *server)
{
    watch_listeners(server, 0);
    server->scrape.again = server->now + PAUSE_US;
}

/* Accepts one connection. False: there is none, or accepting pauses. */
static bool accept_one(struct server *server, int listener)
{
    struct scrape *scrape = &server->scrape;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            pause_accepting(server);
        return false;
    }
    if (scrape->count == SCRAPE_CONNECTIONS_MAX)
        drop(server, first_due(scrape));
    if (!readiness_watch(server->readiness, fd, READY_READ)) {
        (void)close(fd); /* out of memory: it can try again */
        pause_accepting(server);
        return false;
    }
    scrape->connections[scrape->count++] =
        (struct scrape_connection){.fd = fd, .due = server->now + STALL_US};
    return true;
}

/* Accepts a few: however many there are, the clients of the server come next. */
static void accept_waiting(struct server *server, int listener)
{
    int left = SCRAPE_CONNECTIONS_MAX;

    while (left > 0 && accept_one(server, listener))
        left--;
}

/* Sends the response. False: the connection is of no more use. */
static bool send_response(struct server *server, struct scrape_connection *connection)
{
    ssize_t sent = send(connection->fd, connection->out.bytes + connection->sent,
                        connection->out.size - connection->sent, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->sent += (size_t)sent;
    connection->due = server->now + STALL_US;
    if (connection->sent < connection->out.size)
        return true;
    buffer_free(&connection->out);
    connection->sent = 0;
    connection->draining = connection->close;
    if (!connection->draining)
        connection->due = server->now + IDLE_US;
    return !connection->draining || shutdown(connection->fd, SHUT_WR) == 0;
}

/* Answers the request, if it is complete. False: out of memory. */
static bool respond(struct server *server, struct scrape_connection *connection)
{
    struct metrics_request request;
    struct buffer body = {0};

    if (connection->in.size == 0 ||
        !metrics_http_parse(connection->in.bytes, connection->in.size, &request))
        return true;
    bool done = (request.status != 200 || metrics_format(housekeeping_figures(server), &body)) &&
                metrics_http_respond(&request, (time_t)(clock_wall_us() / US_PER_SECOND), &body,
                                     &connection->out);
    buffer_free(&body);
    buffer_consume(&connection->in, request.consumed);
    connection->close = request.close;
    return done;
}

/* Receives the next bytes. False: no more will come. */
static bool receive(struct server *server, struct scrape_connection *connection)
{
    unsigned char *room = buffer_reserve(&connection->in, RECEIVE_SIZE);
    ssize_t size = room == NULL ? 0 : recv(connection->fd, room, RECEIVE_SIZE, 0);

    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (connection->draining)
        return size > 0;
    if (connection->in.size == 0)
        connection->due = server->now + STALL_US; /* a request begins */
    connection->in.size += (size_t)size;
    return size > 0;
}

/* Answers a request, if there is one, and sends. False: close the connection. */
static bool answer(struct server *server, struct scrape_connection *connection)
{
    if (connection->out.size == 0 && !respond(server, connection))
        return false;
    bool answering = connection->out.size > 0;
    if (answering && !send_response(server, connection))
        return false;
    connection->more =
        answering && !connection->draining && connection->out.size == 0 && connection->in.size > 0;
    return true;
}

/* One request a round: however many there are, the clients of the server come next. */
static bool serve(struct server *server, struct scrape_connection *connection)
{
    if (connection->out.size == 0 && !connection->more && !receive(server, connection))
        return false;
    connection->more = false;
    if (!connection->draining && !answer(server, connection))
        return false;
    unsigned interest = connection->out.size > 0 ? READY_WRITE : READY_READ;
    return readiness_watch(server->readiness, connection->fd, interest);
}

/* Whether there is something to do for a connection in this round. */
static bool is_ready(struct server *server, const struct scrape_connection *connection)
{
    return readiness_take(server->readiness, connection->fd) || connection->more;
}

void scrape_run(struct server *server)
{
    struct scrape *scrape = &server->scrape;

    for (size_t at = scrape->count; at-- > 0;) /* from the end: drop() moves the last one */
        if (is_ready(server, &scrape->connections[at]) && !serve(server, &scrape->connections[at]))
            drop(server, at);
    for (size_t at = 0; at < scrape->listeners_count; at++)
        if (readiness_take(server->readiness, scrape->listeners[at]))
            accept_waiting(server, scrape->listeners[at]);
}

int64_t scrape_due(const struct server *server)
{
    const struct scrape *scrape = &server->scrape;
    int64_t due = scrape->again != 0 ? scrape->again : DEADLINE_NEVER;
    int64_t first = scrape->count > 0 ? scrape->connections[first_due(scrape)].due : DEADLINE_NEVER;

    for (size_t at = 0; at < scrape->count; at++)
        if (scrape->connections[at].more)
            return server->now; /* at once */
    return first < due ? first : due;
}

void scrape_tick(struct server *server)
{
    struct scrape *scrape = &server->scrape;

    while (scrape->count > 0 && scrape->connections[first_due(scrape)].due <= server->now)
        drop(server, first_due(scrape));
    if (scrape->again != 0 && scrape->again <= server->now) {
        scrape->again = 0;
        watch_listeners(server, READY_READ);
    }
}
