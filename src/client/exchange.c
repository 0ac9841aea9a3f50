#include "client/exchange.h"

#include "client/wait_set.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* A reply that nothing in it ends is whole if nothing more came for that long. */
    SETTLE_US = 100 * 1000,
    /* A longer message may be more than a segment of a path, or than a server's buffer, takes. */
    PIECE_MAX = 512,
    FIRST_WINDOW = 16, /* with resend: messages that may be under way before one is acknowledged */
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

/*
 * How many messages may be under way. With resend, those under way when the connection is lost are
 * recorded twice. So the first connection begins with a few and each later one with one; an
 * acknowledgement allows one more, which doubles the window with each acknowledged window (slow
 * start, RFC 5681). What is resent stays below what is acknowledged, and those few: if each
 * connection brings an acknowledgement, the server records at most twice as many messages as there
 * are, and FIRST_WINDOW, however often it is lost.
 */
static size_t allowance(const struct session *session)
{
    uint64_t count = (session->again ? 1 : FIRST_WINDOW) + session->answered;
    uint64_t limit = session->figures->acknowledged + FIRST_WINDOW;

    if (!session->settings.resend)
        return session->settings.window;
    limit = limit > session->figures->resent ? limit - session->figures->resent : 1;
    if (count > limit)
        count = limit;
    return count < session->settings.window ? (size_t)count : session->settings.window;
}

void session_begin(struct session *session, const struct connection *connection, int64_t now_us)
{
    session->connection = *connection;
    session->progress_us = now_us;
    session->send_error = 0;
    session->lost = false;
    session->is_final = false;
    session->refused = false;
    session->answered = 0;
    session->figures->resent += window_rewind(&session->window);
    window_allow(&session->window, allowance(session));
    replies_restart(&session->replies);
}

bool session_connected(const struct session *session)
{
    return session->connection.fd >= 0;
}

bool session_has_room(const struct session *session)
{
    if (session->replies.mode == REPLIES_FRAMED)
        return window_has_room(&session->window) && session->window.count < allowance(session);
    return session->window.count == 0;
}

bool session_add(struct session *session, uint64_t line, int64_t start_us, int64_t now_us,
                 const void *text, size_t size)
{
    if (session->window.count == 0)
        session->progress_us = now_us;
    if (!window_add(&session->window, session->settings.framing, line, start_us, text, size))
        return false;
    window_allow(&session->window, allowance(session));
    return true;
}

bool session_wants_to_send(const struct session *session)
{
    size_t size;

    return session->send_error == 0 && window_unsent(&session->window, &size) != NULL;
}

/*
 * Whether the oldest message reached the server in one piece for sure: one send(), with nothing
 * under way before it, whose bytes fit into one segment as small as those of the path are by now.
 */
static bool is_in_one_piece(const struct session *session)
{
    size_t size;
    int segment;
    socklen_t length = sizeof segment;

    (void)window_oldest(&session->window, &size);
    if (!window_awaits(&session->window) || session->first_piece < size || size > PIECE_MAX)
        return false;
    return getsockopt(session->connection.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) != 0 ||
           size <= (size_t)segment; /* a Unix socket has no segments */
}

/* Whether bytes were received that may be a reply, to the oldest message, that nothing ends. */
static bool has_bare_reply(const struct session *session)
{
    return session->replies.mode != REPLIES_FRAMED && session->window.count > 0 &&
           replies_left(&session->replies) > 0;
}

/* Whether it may be a reply to a part of the message. */
static bool is_in_doubt(const struct session *session)
{
    return has_bare_reply(session) && !is_in_one_piece(session);
}

/*
 * Whether only time tells that it is whole. Once a server is known to end its replies with nothing,
 * those to short messages are.
 */
static bool is_settling(const struct session *session)
{
    return (has_bare_reply(session) && session->replies.mode == REPLIES_UNDECIDED) ||
           is_in_doubt(session);
}

static int64_t settled_us(const struct session *session)
{
    return SETTLE_US +
           (session->received_us > session->sent_us ? session->received_us : session->sent_us);
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
    if (is_settling(session) && settled_us(session) < due_us)
        due_us = settled_us(session);
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
        /* Once the oldest went out whole, sending the others is no sign that it is heard. */
        if (!window_awaits(&session->window))
            session->progress_us = now_us;
        session->sent_us = now_us;
        if (session->window.sent == session->window.begin)
            session->first_piece = (size_t)sent;
        window_advance(&session->window, (size_t)sent);
    }
}

static bool acknowledge(struct session *session, const struct frame *reply, int64_t now_us)
{
    struct window_message message = window_acknowledge(&session->window);
    struct acknowledgement acknowledgement = {
        .line = message.line,
        .latency_us = session->received_us - message.start_us, /* settling takes no part in it */
        .reply = reply->message,
        .size = reply->size,
    };

    session->progress_us = now_us;
    session->answered++;
    session->figures->acknowledged++;
    session->figures->end_us = session->received_us;
    latency_record(&session->figures->latency, acknowledgement.latency_us);
    window_allow(&session->window, allowance(session));
    return session->settings.acknowledged(session->settings.context, &acknowledgement);
}

/*
 * A server that answers whatever its recv() returned may have seen only a part of the message: so
 * does tcpackd with framing auto. Another connection would not make it clearer.
 */
static enum outcome lost_in_doubt(struct session *session)
{
    size_t size;

    (void)window_oldest(&session->window, &size);
    session->is_final = true;
    (void)snprintf(session->problem, sizeof session->problem,
                   "a reply without a newline to %zu bytes may be one to a part of them: their "
                   "message does not count as acknowledged (set line on both sides: -f line here, "
                   "framing = line at the server)",
                   size);
    session->lost = true;
    return OUTCOME_LOST;
}

static enum outcome lost_by_reply(struct session *session, enum framing_result result)
{
    if (result == FRAMING_TOO_LONG)
        return lost(session, "the server sent a reply of more than 1 MiB");
    if (session->replies.mode == REPLIES_BARE)
        return lost(session, "a reply ends with a newline, the first one did not: where replies "
                             "end cannot be found out (-f line says it)");
    return lost(session, "the server sent a reply that is not octet-counted");
}

/* What is left when no message awaits a reply. */
static enum outcome judge_rest(struct session *session)
{
    enum framing_result result = FRAMING_UNFINISHED;
    struct frame reply;

    if (replies_left(&session->replies) == 0)
        return OUTCOME_DONE;
    if (is_in_doubt(session))
        return lost_in_doubt(session); /* its message is not even sent whole */
    switch (session->replies.mode) {
    case REPLIES_BARE: /* of an idle server, pieces of the last reply: nothing is made of them */
        result = replies_next(&session->replies, true, &reply);
        if (result == FRAMING_TOO_LONG || result == FRAMING_MALFORMED)
            return lost_by_reply(session, result);
        return OUTCOME_DONE;
    case REPLIES_UNDECIDED:
        return lost(session, "the server sent bytes before any message was sent: "
                             "this is no server that acknowledges messages");
    case REPLIES_FRAMED:
        if (replies_next(&session->replies, false, &reply) != FRAMING_UNFINISHED)
            return lost(session, "the server sent a reply that answers no message");
    }
    return OUTCOME_DONE;
}

static enum outcome take_replies(struct session *session, bool settled, int64_t now_us)
{
    struct frame reply;

    while (window_awaits(&session->window)) {
        bool whole = settled || !is_settling(session);
        enum framing_result result = replies_next(&session->replies, whole, &reply);
        if (result == FRAMING_UNFINISHED)
            return OUTCOME_DONE;
        if (result != FRAMING_MESSAGE)
            return lost_by_reply(session, result);
        if (session->replies.mode == REPLIES_BARE && !is_in_one_piece(session))
            return lost_in_doubt(session);
        if (!acknowledge(session, &reply, now_us))
            return OUTCOME_FAILED;
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
    /* After a reset nobody knows what else would have come. */
    enum outcome outcome = take_replies(session, error == 0, now_us);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (is_in_doubt(session))
        return lost_in_doubt(session);
    session->refused = window_sent_one(&session->window);
    if (error == 0)
        error = session->send_error;
    return lost(session, error == 0 ? "the server closed the connection" : strerror(error));
}

/* Its time is over; but who was stopped meanwhile has not seen what came. */
static enum outcome settle(struct session *session, int64_t now_us)
{
    enum outcome outcome = session_receive(session, now_us);

    if (outcome == OUTCOME_DONE && is_settling(session) && now_us >= settled_us(session))
        return take_replies(session, true, now_us);
    return outcome;
}

enum outcome session_tick(struct session *session, int64_t now_us)
{
    double timeout = (double)session->settings.timeout_us / 1e6;
    char why[SESSION_PROBLEM_SIZE];

    if (session->lost)
        return OUTCOME_LOST;
    if (session->send_error != 0)
        return session_receive(session, now_us); /* until all is read that had arrived */
    if (is_settling(session) && now_us >= settled_us(session))
        return settle(session, now_us);
    if (now_us < session_due(session))
        return OUTCOME_DONE;
    if (is_in_doubt(session))
        return lost_in_doubt(session); /* its reply goes on and on */
    (void)snprintf(why, sizeof why, "no acknowledgement within %g seconds", timeout);
    return lost(session, why);
}

void session_excuse(struct session *session, int64_t now_us)
{
    session->progress_us = now_us;
}

void session_drop(struct session *session)
{
    session->again = true;
    if (window_sent_in_part(&session->window))
        connection_abort(&session->connection);
    else
        connection_close(&session->connection);
}
