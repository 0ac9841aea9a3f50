#include "server/connection/connection.h"

#include "server/connection/deadlines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    US_PER_SECOND = 1000 * 1000,
    DISCARDING_US = 2 * US_PER_SECOND, /* for a refused peer to read its last replies and close */
};

/* Reads in a row that may return nothing though there are bytes. */
enum { FUTILE_MAX = 64 };

struct connection *connection_new(int fd, const struct listener_settings *settings, int64_t now)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    connection->settings = settings;
    connection->framing = (enum framing)settings->config->framing;
    settings_hold(settings->all);
    connection->accepted_s = (uint32_t)(now / US_PER_SECOND);
    connection->last_message = now;
    return connection;
}

void connection_adopt(struct connection *connection, const struct listener_settings *settings)
{
    settings_hold(settings->all);
    settings_release(connection->settings->all);
    connection->settings = settings;
}

void connection_free(struct connection *connection)
{
    settings_release(connection->settings->all);
    (void)close(connection->fd); /* recv() and send() have reported the socket's errors */
    buffer_free(&connection->in);
    buffer_free(&connection->out);
    free(connection);
}

/*
 * Whether there are bytes though recv() failed with EAGAIN. Linux does that at urgent data while
 * any signal is pending, even an ignored one or a debugger's. The number of tries is limited, in
 * case a kernel counts bytes that it never returns.
 */
static bool holds_bytes(struct connection *connection)
{
    int unread;

    if (connection->futile == FUTILE_MAX || ioctl(connection->fd, FIONREAD, &unread) != 0 ||
        unread == 0)
        return false;
    connection->futile++;
    return true;
}

/* Interprets the result `count` of a recv() of `asked` bytes. */
static enum connection_received received(struct connection *connection, ssize_t count, size_t asked)
{
    if (count > 0) {
        connection->futile = 0;
        if (count == (ssize_t)asked) /* a full read: there may be more */
            connection->undrained = true;
        return CONNECTION_RECEIVED;
    }
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        connection->undrained = errno == EINTR || holds_bytes(connection);
        return CONNECTION_NOTHING;
    }
    connection->undrained = false;
    if (count == 0 && connection->broken == 0)
        return CONNECTION_ENDED;
    if (count == 0)
        errno = connection->broken;
    return CONNECTION_RESET;
}

/* Receives more of an unfinished message that is at least as long as buffer_size. */
static enum connection_received receive_in_place(struct connection *connection, size_t room)
{
    unsigned char *end = buffer_reserve(&connection->in, room);

    if (end == NULL)
        return CONNECTION_NO_MEMORY;
    ssize_t count = recv(connection->fd, end, room, 0);
    if (count > 0)
        connection->in.size += (size_t)count;
    return received(connection, count, room);
}

/*
 * Receives after the bytes of a short unfinished message, or after none. They move to `scratch`,
 * not the new ones to `in`: most new bytes are whole messages, which are copied no further.
 */
static enum connection_received receive_in_scratch(struct connection *connection, size_t room,
                                                   unsigned char *scratch, size_t *size)
{
    size_t before = connection->in.size;

    if (before > 0)
        memcpy(scratch, connection->in.bytes, before);
    ssize_t count = recv(connection->fd, scratch + before, room, 0);
    *size = before + (count > 0 ? (size_t)count : 0);
    return received(connection, count, room);
}

/* Bytes of one recv(). In framing auto it must not cut a short message, whose reply counts. */
static size_t receive_size(const struct connection *connection)
{
    size_t size = connection->settings->config->buffer_size;
    bool is_auto = connection->framing == FRAMING_AUTO;

    return is_auto && size < SETTINGS_AUTO_BUFFER_MIN ? SETTINGS_AUTO_BUFFER_MIN : size;
}

enum connection_received connection_receive(struct connection *connection, unsigned char *scratch,
                                            const unsigned char **bytes, size_t *size)
{
    size_t room = receive_size(connection);
    enum connection_received result = CONNECTION_RECEIVED;
    bool in_scratch = !connection->ended && !connection->more && connection->in.size < room;

    if (in_scratch)
        result = receive_in_scratch(connection, room, scratch, size);
    else if (connection->ended)
        result = CONNECTION_ENDED;
    else if (connection->more)
        connection->undrained = true; /* more may have arrived meanwhile */
    else
        result = receive_in_place(connection, room);
    *bytes = in_scratch ? scratch : connection->in.bytes;
    *size = in_scratch ? *size : connection->in.size;
    connection->more = false;
    if (result == CONNECTION_ENDED)
        connection->ended = true;
    return result;
}

/* The same for bytes in `scratch`, which begin with those in `in`. */
static bool keep_scratch(struct connection *connection, const unsigned char *bytes, size_t size,
                         size_t used)
{
    size_t kept = used == 0 ? connection->in.size : 0;

    connection->in.size = kept;
    return buffer_append(&connection->in, bytes + used + kept, size - used - kept);
}

bool connection_keep(struct connection *connection, const unsigned char *bytes, size_t size,
                     size_t used)
{
    if (used == size)
        buffer_free(&connection->in);
    else if (bytes != connection->in.bytes)
        return keep_scratch(connection, bytes, size, used);
    else
        buffer_consume(&connection->in, used);
    return true;
}

bool connection_is_broken_by(int error)
{
    return error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH ||
           error == ENETUNREACH;
}

static enum connection_sent send_failed(struct connection *connection)
{
    int error = errno;

    buffer_free(&connection->out);
    errno = error;
    if (error == EPIPE) /* the peer has closed its end */
        return CONNECTION_GONE;
    if (!connection_is_broken_by(error))
        return CONNECTION_FAILED;
    connection->broken = error;
    return CONNECTION_GONE;
}

/* Whether another send() may take more at once: room is signalled only after EAGAIN. */
static bool may_take_more(ssize_t count)
{
    return count > 0 || (count < 0 && errno == EINTR);
}

static enum connection_sent send_unsent(struct connection *connection)
{
    ssize_t count = send(connection->fd, connection->out.bytes, connection->out.size, MSG_NOSIGNAL);

    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return send_failed(connection);
    connection->roomy = may_take_more(count);
    if (count > 0) {
        connection->sent += (uint32_t)count;
        buffer_consume(&connection->out, (size_t)count);
    }
    if (connection->out.size > 0)
        return CONNECTION_UNSENT;
    buffer_free(&connection->out);
    return CONNECTION_SENT;
}

enum connection_sent connection_send(struct connection *connection, const void *replies,
                                     size_t size)
{
    if (connection->out.size > 0)
        return send_unsent(connection);
    if (size == 0)
        return CONNECTION_SENT;
    ssize_t count = send(connection->fd, replies, size, MSG_NOSIGNAL);
    if (count > 0)
        connection->sent += (uint32_t)count;
    if (count == (ssize_t)size)
        return CONNECTION_SENT;
    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return send_failed(connection);
    }
    connection->roomy = may_take_more(count);
    if (count < 0)
        count = 0;
    const char *rest = (const char *)replies + count;
    if (!buffer_append(&connection->out, rest, size - (size_t)count))
        return CONNECTION_FAILED;
    return CONNECTION_UNSENT;
}

void connection_note_confirmed(struct connection *connection, int64_t now)
{
    int unconfirmed; /* bytes, tcp(7) */

    if (connection->sent_since == 0)
        return;
    if (ioctl(connection->fd, TIOCOUTQ, &unconfirmed) != 0 || unconfirmed == 0) {
        connection->sent_since = 0;
        return;
    }
    uint32_t confirmed = connection->sent - (uint32_t)unconfirmed;
    if (confirmed != connection->confirmed)
        connection->sent_since = now;
    connection->confirmed = confirmed;
}

bool connection_is_quiet(const struct connection *connection)
{
    int unconfirmed; /* bytes, tcp(7) and unix(7) */
    int unread;

    return connection->out.size == 0 && ioctl(connection->fd, TIOCOUTQ, &unconfirmed) == 0 &&
           unconfirmed == 0 && ioctl(connection->fd, FIONREAD, &unread) == 0 && unread == 0;
}

bool connection_say_farewell(struct connection *connection)
{
    if (connection->out.size > 0 || connection->state == CONNECTION_MUTE || !connection->admitted)
        return false; /* it would come amid a reply, to nobody, or to a stranger */
    const char *farewell = framing_farewell(connection->framing, &connection->framing_state);
    /* If it fails, the end of the connection says the same. */
    return farewell != NULL && send(connection->fd, farewell, strlen(farewell), MSG_NOSIGNAL) >= 0;
}

void connection_discard(struct connection *connection, int64_t now)
{
    buffer_free(&connection->in);
    buffer_free(&connection->out);
    /* It fails if the peer is gone; the next recv() reports that. */
    (void)shutdown(connection->fd, SHUT_WR);
    connection->state = CONNECTION_DISCARDING;
    connection->more = false; /* `in` is empty */
    connection->unfinished_since = 0;
    connection->unsent_since = now;
    connection->sent_since = 0; /* DISCARDING has its own time limit */
}

bool connection_drain(struct connection *connection, unsigned char *scratch, size_t size)
{
    enum connection_received result =
        received(connection, recv(connection->fd, scratch, size, 0), size);

    return result == CONNECTION_RECEIVED || result == CONNECTION_NOTHING;
}

/* Lowers *due to since + seconds if that is earlier. True if that time has passed. */
static bool is_over(int64_t since, uint64_t seconds, int64_t now, int64_t *due)
{
    int64_t end = since + (int64_t)seconds * 1000000;

    if (seconds == 0 || since == 0)
        return false;
    if (end < *due)
        *due = end;
    return end <= now;
}

struct overdue connection_overdue(const struct connection *connection, int64_t now)
{
    const struct config_listener *config = connection->settings->config;
    struct overdue overdue = {"", connection->end, DEADLINE_NEVER};

    if (connection->state == CONNECTION_DISCARDING) { /* it ends for the reason noted before */
        overdue.due = connection->unsent_since + DISCARDING_US;
        if (overdue.due <= now)
            overdue.why = "it did not close a refused connection";
        return overdue;
    }
    overdue.end = METRICS_ENDED_STALLED;
    /* Nothing is received while replies are unsent, so the rest of a message may be waiting. */
    if (connection->out.size == 0 &&
        is_over(connection->unfinished_since, config->stall_timeout, now, &overdue.due)) {
        overdue.why = connection->state == CONNECTION_PROXY
                          ? "its PROXY header did not arrive within stall_timeout"
                          : "an unfinished message is older than stall_timeout";
        return overdue;
    }
    if (is_over(connection->unsent_since, config->stall_timeout, now, &overdue.due)) {
        overdue.why = "replies were not read within stall_timeout";
        return overdue;
    }
    if (is_over(connection->sent_since, config->stall_timeout, now, &overdue.due)) {
        overdue.why = "replies did not arrive within stall_timeout";
        return overdue;
    }
    overdue.end = METRICS_ENDED_IDLE;
    int64_t active = connection->unsent_since > connection->last_message ? connection->unsent_since
                                                                         : connection->last_message;
    if (is_over(active, config->idle_timeout, now, &overdue.due))
        overdue.why = "no message came within idle_timeout";
    return overdue;
}
