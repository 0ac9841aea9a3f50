#include "client/session.h"

#include "client/waiting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* A first reply without a newline is bare if nothing more came for that long. */
    SETTLE_US = 100 * 1000,
    RECEIVE_SIZE_MIN = 4096,
    RECEIVE_SIZE_MAX = 65536,
    RECEIVE_SIZE_OF_REPLY = 64, /* a usual reply: how much to receive at once follows the window */
};

bool session_init(struct session *session, const struct session_settings *settings,
                  struct figures *figures)
{
    *session = (struct session){
        .settings = *settings,
        .figures = figures,
        .connection = {.fd = -1},
    };
    replies_init(&session->replies, settings->framing);
    return window_init(&session->window, settings->window);
}

void session_free(struct session *session)
{
    session_drop(session);
    window_free(&session->window);
    replies_free(&session->replies);
}

size_t session_begin(struct session *session, const struct connection *connection, int64_t now_us)
{
    session->connection = *connection;
    session->progress_us = now_us;
    session->send_error = 0;
    session->lost = false;
    replies_restart(&session->replies);
    return window_rewind(&session->window);
}

bool session_connected(const struct session *session)
{
    return session->connection.fd >= 0;
}

bool session_has_room(const struct session *session)
{
    if (session->replies.mode == REPLIES_FRAMED)
        return window_has_room(&session->window);
    return session->window.count == 0;
}

bool session_add(struct session *session, uint64_t line, int64_t start_us, int64_t now_us,
                 const void *text, size_t size)
{
    if (session->window.count == 0)
        session->progress_us = now_us;
    return window_add(&session->window, session->settings.framing, line, start_us, text, size);
}

bool session_wants_to_send(const struct session *session)
{
    size_t size;

    return session->send_error == 0 && window_unsent(&session->window, &size) != NULL;
}

/* A reply without a newline, of a server that may or may not speak lines: time will tell. */
static bool is_settling(const struct session *session)
{
    return session->replies.mode == REPLIES_UNDECIDED && window_awaits(&session->window) &&
           replies_left(&session->replies) > 0;
}

int64_t session_due(const struct session *session)
{
    int64_t due_us = WAITING_FOREVER;

    if (!session_connected(session))
        return due_us;
    if (session->send_error != 0)
        return session->progress_us; /* at once */
    if (session->window.count > 0 && session->settings.timeout_us > 0)
        due_us = session->progress_us + session->settings.timeout_us;
    if (is_settling(session) && session->received_us + SETTLE_US < due_us)
        due_us = session->received_us + SETTLE_US;
    return due_us;
}

static enum outcome lost(struct session *session, const char *why)
{
    (void)snprintf(session->problem, sizeof session->problem, "%s", why);
    session->lost = true;
    return OUTCOME_LOST;
}

void session_send(struct session *session, int64_t now_us)
{
    size_t size;
    const unsigned char *bytes;

    while (session_wants_to_send(session)) {
        bytes = window_unsent(&session->window, &size);
        ssize_t sent = send(session->connection.fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            /* Acknowledgements may have arrived before: receiving tells when all were read. */
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
                session->send_error = errno;
            return;
        }
        window_advance(&session->window, (size_t)sent);
        session->progress_us = now_us;
    }
}

static bool acknowledge(struct session *session, const struct frame *reply, int64_t now_us)
{
    struct window_message message = window_acknowledge(&session->window);
    struct acknowledgement acknowledgement = {
        .line = message.line,
        .latency_us = now_us - message.start_us,
        .reply = reply->message,
        .size = reply->size,
    };

    session->progress_us = now_us;
    session->figures->acknowledged++;
    session->figures->end_us = now_us;
    latency_record(&session->figures->latency, acknowledgement.latency_us);
    return session->settings.acknowledged(session->settings.context, &acknowledgement);
}

/* What is left when no message awaits a reply. */
static enum outcome judge_rest(struct session *session)
{
    struct frame reply;

    if (replies_left(&session->replies) == 0)
        return OUTCOME_DONE;
    switch (session->replies.mode) {
    case REPLIES_BARE: /* more pieces of the last reply; nothing can be made of them */
        if (session->window.count == 0)
            replies_restart(&session->replies);
        return OUTCOME_DONE;
    case REPLIES_UNDECIDED: /* to a large message a bare server may answer before its end */
        if (session->window.count == 0)
            return lost(session, "the server sent bytes before any message was sent: "
                                 "this is no server that acknowledges messages");
        return OUTCOME_DONE;
    case REPLIES_FRAMED:
        switch (replies_next(&session->replies, false, &reply)) {
        case FRAMING_UNFINISHED:
            return OUTCOME_DONE;
        case FRAMING_MESSAGE:
        case FRAMING_TOO_LONG:
        case FRAMING_MALFORMED:
            return lost(session, "the server sent a reply that answers no message");
        }
    }
    return OUTCOME_DONE;
}

static enum outcome take_replies(struct session *session, bool settled, int64_t now_us)
{
    struct frame reply;

    while (window_awaits(&session->window)) {
        switch (replies_next(&session->replies, settled, &reply)) {
        case FRAMING_MESSAGE:
            if (!acknowledge(session, &reply, now_us))
                return OUTCOME_FAILED;
            break;
        case FRAMING_UNFINISHED:
            return OUTCOME_DONE;
        case FRAMING_TOO_LONG:
            return lost(session, "the server sent a reply of more than 1 MiB");
        case FRAMING_MALFORMED:
            return lost(session, "the server sent a reply that is not octet-counted");
        }
    }
    return judge_rest(session);
}

static size_t receive_size(const struct session *session)
{
    size_t size = session->settings.window * RECEIVE_SIZE_OF_REPLY;

    if (size < RECEIVE_SIZE_MIN)
        return RECEIVE_SIZE_MIN;
    return size < RECEIVE_SIZE_MAX ? size : RECEIVE_SIZE_MAX;
}

enum outcome session_receive(struct session *session, int64_t now_us)
{
    if (session->lost)
        return OUTCOME_LOST;
    size_t size = receive_size(session);
    unsigned char *room = replies_room(&session->replies, size);

    if (room == NULL)
        return OUTCOME_FAILED;
    ssize_t received = recv(session->connection.fd, room, size, 0);
    int error = received < 0 ? errno : 0;
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR)
        return session->send_error == 0 ? OUTCOME_DONE
                                        : lost(session, strerror(session->send_error));
    if (received > 0) {
        replies_added(&session->replies, (size_t)received);
        session->received_us = now_us;
        return take_replies(session, false, now_us);
    }
    enum outcome outcome = take_replies(session, true, now_us);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (error == 0)
        error = session->send_error;
    return lost(session, error == 0 ? "the server closed the connection" : strerror(error));
}

enum outcome session_tick(struct session *session, int64_t now_us)
{
    double timeout = (double)session->settings.timeout_us / 1e6;
    char why[SESSION_PROBLEM_SIZE];

    if (session->lost)
        return OUTCOME_LOST;
    if (session->send_error != 0)
        return session_receive(session, now_us); /* until all is read that had arrived */
    if (is_settling(session) && now_us >= session->received_us + SETTLE_US)
        return take_replies(session, true, now_us);
    if (now_us < session_due(session))
        return OUTCOME_DONE;
    (void)snprintf(why, sizeof why, "no acknowledgement within %g seconds", timeout);
    return lost(session, why);
}

void session_excuse(struct session *session, int64_t now_us)
{
    session->progress_us = now_us;
}

void session_drop(struct session *session)
{
    if (window_sent_in_part(&session->window))
        connection_abort(&session->connection);
    else
        connection_close(&session->connection);
}
