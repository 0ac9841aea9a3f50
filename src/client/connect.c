#include "client/connect.h"

#include "client/relp_session.h"
#include "client/signals.h"
#include "client/wait_set.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Appends a string with its NUL. If memory is short, the string is left out. */
static void add_problem(struct buffer *problems, const char *what, const char *on, const char *why)
{
    size_t before = problems->size;

    if (!buffer_printf(problems, "%s%s: %s", what, on, why) || !buffer_append(problems, "", 1))
        problems->size = before;
}

static int open_socket(int family)
{
    const int yes = 1;
    int fd = socket(family, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int saved = errno;
        (void)close(fd); /* nothing was written to it */
        errno = saved;
        return -1;
    }
    if (family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* only for speed */
    return fd;
}

/* Waits for connect() to finish. Returns false with errno, EINTR after a signal to end. */
static bool await_connected(int fd, int64_t due_us)
{
    for (;;) {
        switch (wait_for_one(fd, false, true, due_us)) {
        case WAIT_READY: {
            int error = 0;
            socklen_t size = sizeof error;
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                return false;
            errno = error;
            return error == 0;
        }
        case WAIT_DUE:
            errno = ETIMEDOUT;
            return false;
        case WAIT_SIGNAL:
            if (signals_interrupt() == 0)
                continue;
            errno = EINTR;
            return false;
        case WAIT_FAILED:
            return false;
        }
    }
}

/* Waits a few milliseconds before another attempt. Returns as await_connected(). */
static bool pause_before_retry(int64_t due_us)
{
    enum { PAUSE_US = 5000 };
    int64_t now_us = clock_monotonic_us();

    if (now_us >= due_us) {
        errno = ETIMEDOUT;
        return false;
    }
    errno = EINTR;
    return wait_for_one(-1, false, false, now_us + PAUSE_US) == WAIT_DUE ||
           signals_interrupt() == 0;
}

static bool start_and_await(int fd, const struct address *address, int64_t due_us)
{
    for (;;) {
        if (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0)
            return true;
        if (errno == EINPROGRESS)
            return await_connected(fd, due_us);
        /* On a Unix socket with a full backlog, connect(2) fails instead of waiting. */
        if (errno != EAGAIN || !pause_before_retry(due_us))
            return false;
    }
}

/* Closes at once, without TIME_WAIT, which would keep a server from using the port. Keeps errno. */
static void close_with_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int saved = errno;

    /* If this fails, and on a Unix socket, the connection is closed in order. */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd); /* only acknowledgements tell what has arrived */
    errno = saved;
}

/*
 * Whether the socket is connected to another socket; false with errno. If nothing listens on the
 * port and the kernel chooses the same port for this end, the SYN reaches its own socket and TCP
 * sees a simultaneous open (RFC 9293, 3.5). Every message would come back as its own reply. A peer
 * that has already reset the connection (ENOTCONN) is another one.
 */
static bool has_other_peer(int fd)
{
    struct address own = {.size = sizeof own.storage};
    struct address peer = {.size = sizeof peer.storage};

    if (getsockname(fd, (struct sockaddr *)&own.storage, &own.size) != 0)
        return false; /* unknown: it must not be taken for a server */
    if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.size) != 0)
        return errno == ENOTCONN;
    if (address_port(&own) < 0 || !address_equal(&own, &peer))
        return true;
    errno = ECONNREFUSED; /* nothing listens there */
    return false;
}

/* Returns a connected descriptor, or -1 with errno. */
static int connect_to(const struct address *address, int64_t due_us)
{
    int fd = open_socket(address->storage.ss_family);

    if (fd < 0)
        return -1;
    if (start_and_await(fd, address, due_us) && has_other_peer(fd))
        return fd;
    close_with_reset(fd);
    return -1;
}

/* OUTCOME_UNREACHABLE: what is wrong is in `problems`. */
static enum outcome try_address(const struct connect_target *target, const struct address *address,
                                struct client_connection *connection, struct buffer *problems)
{
    int64_t due_us =
        target->timeout_us == 0 ? WAIT_FOREVER : clock_monotonic_us() + target->timeout_us;
    struct problem problem;

    address_text(address, connection->peer, sizeof connection->peer);
    connection->fd = connect_to(address, due_us);
    if (connection->fd < 0 && errno == EINTR)
        return OUTCOME_INTERRUPTED;
    if (connection->fd < 0) {
        add_problem(problems, "cannot connect to ", connection->peer, strerror(errno));
        return OUTCOME_UNREACHABLE;
    }
    if (!target->relp)
        return OUTCOME_DONE;
    enum outcome outcome = relp_session_open(connection->fd, due_us, &problem);
    if (outcome == OUTCOME_DONE)
        return OUTCOME_DONE;
    connect_close(connection);
    if (outcome == OUTCOME_UNREACHABLE)
        add_problem(problems, "cannot open a RELP session with ", connection->peer, problem.text);
    return outcome;
}

enum outcome connect_open(const struct connect_target *target, struct client_connection *connection,
                          struct buffer *problems)
{
    struct address_list list;
    struct problem problem;
    enum outcome outcome = OUTCOME_UNREACHABLE;

    connection->fd = -1;
    if (!address_resolve(target->host, target->port, ADDRESS_TO_CONNECT, &list, &problem)) {
        add_problem(problems, "cannot resolve ", target->host, problem.text);
        return OUTCOME_UNKNOWN_HOST;
    }
    for (size_t i = 0; i < list.count && outcome == OUTCOME_UNREACHABLE; i++)
        outcome = try_address(target, &list.addresses[i], connection, problems);
    address_list_free(&list);
    return outcome;
}

void connect_log_problems(const struct buffer *problems, void (*log)(const char *format, ...))
{
    size_t at = 0;

    while (at < problems->size) {
        const char *text = (const char *)problems->bytes + at;
        log("%s", text);
        at += strlen(text) + 1;
    }
}

void connect_close(struct client_connection *connection)
{
    if (connection->fd >= 0)
        (void)close(connection->fd); /* only acknowledgements tell what has arrived */
    connection->fd = -1;
}

void connect_reset(struct client_connection *connection)
{
    if (connection->fd >= 0)
        close_with_reset(connection->fd);
    connection->fd = -1;
}
