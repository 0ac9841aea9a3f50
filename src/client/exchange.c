#include "client/exchange.h"

#include "client/relp_session.h"
#include "client/wait_set.h"
#include "common/buffer.h"
#include "common/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* A reply without an end of its own is complete if no byte follows for this long. */
    SETTLE_US = 100 * 1000,
    /* A longer message may not fit into one segment or into the server's buffer. */
    PIECE_MAX = 512,
    FIRST_WINDOW = 16, /* with resend: messages in flight before the first acknowledgement */
    RECEIVE_SIZE_MIN = 4096,
    RECEIVE_SIZE_MAX = 65536,
    RECEIVE_SIZE_OF_REPLY = 64, /* a usual reply; recv() asks for as many as the window holds */
};

void exchange_init(struct exchange *exchange, const struct exchange_settings *settings,
                   struct totals *totals)
{
    *exchange = (struct exchange){
        .settings = *settings,
        .totals = totals,
        .connection = {.fd = -1},
    };
    replies_init(&exchange->replies, settings->framing);
    window_init(&exchange->window, settings->framing, settings->window, settings->window_bytes);
}

void exchange_free(struct exchange *exchange)
{
    exchange_disconnect(exchange);
    window_free(&exchange->window);
    replies_free(&exchange->replies);
}

/*
 * How many messages may be in flight. With resend, messages in flight when the connection is lost
 * may be recorded twice. Therefore the first connection starts with FIRST_WINDOW messages and each
 * later one with one. Each acknowledgement allows one more, which doubles the window with each
 * acknowledged window (slow start, RFC 5681). At most FIRST_WINDOW more messages are resent than
 * are acknowledged. If each connection yields an acknowledgement, the server therefore records at
 * most 2 * N + FIRST_WINDOW messages for N sent, however often the connection is lost.
 */
static size_t allowance(const struct exchange *exchange)
{
    uint64_t count = (exchange->again ? 1 : FIRST_WINDOW) + exchange->answered;
    uint64_t limit = exchange->totals->acknowledged + FIRST_WINDOW;

    if (!exchange->settings.resend)
        return exchange->settings.window;
    limit = limit > exchange->totals->resent ? limit - exchange->totals->resent : 1;
    if (count > limit)
        count = limit;
    return count < exchange->settings.window ? (size_t)count : exchange->settings.window;
}

void exchange_begin(struct exchange *exchange, const struct client_connection *connection,
                    int64_t now_us)
{
    exchange->connection = *connection;
    exchange->progress_us = now_us;
    exchange->send_error = 0;
    exchange->lost = false;
    exchange->is_final = false;
    exchange->refused = false;
    exchange->rejected = false;
    exchange->answered = 0;
    exchange->totals->resent += window_rewind(&exchange->window);
    replies_restart(&exchange->replies);
}

bool exchange_connected(const struct exchange *exchange)
{
    return exchange->connection.fd >= 0;
}

bool exchange_has_room(const struct exchange *exchange)
{
    if (exchange->replies.mode == REPLIES_FRAMED)
        return window_has_room(&exchange->window) && exchange->window.count < allowance(exchange);
    return exchange->window.count == 0;
}

bool exchange_add(struct exchange *exchange, uint64_t line, int64_t start_us, int64_t now_us,
                  const void *text, size_t size)
{
    if (exchange->window.count == 0)
        exchange->progress_us = now_us;
    return window_add(&exchange->window, line, start_us, text, size);
}

bool exchange_wants_to_send(const struct exchange *exchange)
{
    size_t size;

    return exchange->send_error == 0 && window_unsent(&exchange->window, &size) != NULL;
}

/*
 * Whether the oldest message certainly reached the server in one piece: one send(), with no other
 * message in flight before it, of bytes that fit into one segment of the path's current size.
 */
static bool is_in_one_piece(const struct exchange *exchange)
{
    size_t size;
    int segment;
    socklen_t length = sizeof segment;

    (void)window_oldest(&exchange->window, &size);
    if (!window_awaits(&exchange->window) || exchange->first_piece < size || size > PIECE_MAX)
        return false;
    return getsockopt(exchange->connection.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) != 0 ||
           size <= (size_t)segment; /* a Unix socket has no segments */
}

/* Whether bytes were received that may be a reply to the oldest message, without an end mark. */
static bool has_bare_reply(const struct exchange *exchange)
{
    return exchange->replies.mode != REPLIES_FRAMED && exchange->window.count > 0 &&
           replies_left(&exchange->replies) > 0;
}

/* Whether such bytes may be a reply to only a part of the message. */
static bool is_in_doubt(const struct exchange *exchange)
{
    return has_bare_reply(exchange) && !is_in_one_piece(exchange);
}

/*
 * Whether only time can tell that such a reply is complete. Once a server is known to send bare
 * replies, those to messages sent in one piece are complete at once.
 */
static bool is_settling(const struct exchange *exchange)
{
    return (has_bare_reply(exchange) && exchange->replies.mode == REPLIES_UNDECIDED) ||
           is_in_doubt(exchange);
}

static int64_t settled_us(const struct exchange *exchange)
{
    return SETTLE_US +
           (exchange->received_us > exchange->sent_us ? exchange->received_us : exchange->sent_us);
}

int64_t exchange_due(const struct exchange *exchange)
{
    int64_t due_us = WAIT_FOREVER;

    if (!exchange_connected(exchange))
        return due_us;
    if (exchange->send_error != 0)
        return exchange->progress_us; /* at once */
    if (exchange->window.count > 0 && exchange->settings.timeout_us > 0)
        due_us = exchange->progress_us + exchange->settings.timeout_us;
    if (is_settling(exchange) && settled_us(exchange) < due_us)
        due_us = settled_us(exchange);
    return due_us;
}

static enum outcome lost(struct exchange *exchange, const char *why)
{
    problem_set(&exchange->problem, "%s", why);
    exchange->lost = true;
    return OUTCOME_LOST;
}

void exchange_send(struct exchange *exchange, int64_t now_us)
{
    size_t size;
    const unsigned char *bytes;

    window_allow(&exchange->window, allowance(exchange));
    while (exchange_wants_to_send(exchange)) {
        bytes = window_unsent(&exchange->window, &size);
        ssize_t sent = send(exchange->connection.fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            /* Read the acknowledgements that arrived before the error first. */
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
                exchange->send_error = errno;
            return;
        }
        /* After the oldest message is sent, sending others does not extend its time-out. */
        if (!window_awaits(&exchange->window))
            exchange->progress_us = now_us;
        exchange->sent_us = now_us;
        if (exchange->window.sent == exchange->window.begin)
            exchange->first_piece = (size_t)sent;
        window_advance(&exchange->window, (size_t)sent);
    }
}

static bool acknowledge(struct exchange *exchange, const struct frame *reply, uint64_t txnr,
                        int64_t now_us)
{
    size_t size;
    const unsigned char *bytes = window_oldest(&exchange->window, &size); /* they stay for now */
    struct window_message message = window_acknowledge(&exchange->window);
    struct acknowledgement acknowledgement = {
        .line = message.line,
        .txnr = txnr,
        .latency_us = exchange->received_us - message.start_us, /* without the settling time */
        .reply = reply->message,
        .size = reply->size,
        .message = bytes,
        .message_size = size,
    };

    exchange->progress_us = now_us;
    exchange->answered++;
    exchange->totals->acknowledged++;
    exchange->totals->end_us = exchange->received_us;
    latency_record(&exchange->totals->latency, acknowledgement.latency_us);
    return exchange->settings.acknowledged(exchange->settings.context, &acknowledgement);
}

/*
 * A server that acknowledges the result of each recv(), as tcpackd does with framing auto, may have
 * seen only a part of the message. Another connection would not resolve the doubt.
 */
static enum outcome lost_in_doubt(struct exchange *exchange)
{
    size_t size;

    (void)window_oldest(&exchange->window, &size);
    exchange->is_final = true;
    problem_set(&exchange->problem,
                "the reply to %zu bytes has no newline and may acknowledge only a part of them: "
                "the message is not counted as acknowledged (use -f line here and "
                "framing = line on the server)",
                size);
    exchange->lost = true;
    return OUTCOME_LOST;
}

/* The server says why it refuses the oldest message, or the client. */
static enum outcome lost_by_refusal(struct exchange *exchange, const struct frame *refusal)
{
    struct buffer text = {0};

    exchange->refused = window_sent_one(&exchange->window);
    if (escape_text(refusal->message, refusal->size, &text) && buffer_append(&text, "", 1))
        problem_set(&exchange->problem, "%s", (const char *)text.bytes);
    else
        problem_set(&exchange->problem, "refused");
    buffer_free(&text);
    exchange->lost = true;
    return OUTCOME_LOST;
}

static enum outcome lost_by_reply(struct exchange *exchange, enum framing_result result)
{
    struct frame refusal;

    if (replies_is_refusal(&exchange->replies, &refusal))
        return lost_by_refusal(exchange, &refusal);
    if (result == FRAMING_TOO_LONG)
        return lost(exchange, "the server sent a reply of more than 1 MiB");
    if (exchange->replies.mode == REPLIES_BARE)
        return lost(exchange, "a reply ends with a newline, but the first one did not: cannot tell "
                              "where replies end (use -f line)");
    if (exchange->settings.framing == FRAMING_RELP)
        return lost(exchange, "the server sent bytes that are not a RELP response");
    return lost(exchange, "the server sent a reply that is not octet-counted");
}

/* The server announces that it closes the session. Messages in flight stay unacknowledged. */
static enum outcome lost_by_farewell(struct exchange *exchange)
{
    exchange->refused = window_sent_one(&exchange->window);
    return lost(exchange, "the server closed the session");
}

/* The reply says that the server refuses the oldest message. Resending it would not help. */
static enum outcome lost_by_rejection(struct exchange *exchange, const struct frame *reply)
{
    enum { SHOWN = 80 }; /* bytes of the reply */
    const struct window *window = &exchange->window;
    struct buffer text = {0};

    if (!escape_text(reply->message, reply->size < SHOWN ? reply->size : SHOWN, &text) ||
        !buffer_append(&text, "", 1)) {
        buffer_free(&text);
        return OUTCOME_FAILED;
    }
    exchange->is_final = true;
    exchange->rejected = true;
    exchange->lost = true;
    problem_set(&exchange->problem, "the server refused message %" PRIu64 ": %s",
                window->ring[window->first].line, (const char *)text.bytes);
    buffer_free(&text);
    return OUTCOME_LOST;
}

/* Takes the reply to the oldest message. */
static enum outcome take_reply(struct exchange *exchange, const struct frame *reply, int64_t now_us)
{
    enum framing framing = exchange->settings.framing;
    uint64_t txnr = framing_transaction(framing, exchange->window.number);

    if (txnr != 0 && reply->ending != txnr)
        return lost(exchange, "the server sent a response out of order");
    if (!framing_accepts(framing, reply->message, reply->size))
        return lost_by_rejection(exchange, reply);
    return acknowledge(exchange, reply, txnr, now_us) ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* Checks the bytes left over when no message is waiting for a reply. */
static enum outcome check_rest(struct exchange *exchange)
{
    enum framing_result result = FRAMING_UNFINISHED;
    struct frame reply;

    if (replies_left(&exchange->replies) == 0)
        return OUTCOME_DONE;
    if (replies_is_refusal(&exchange->replies, &reply))
        return lost_by_refusal(exchange, &reply);
    if (is_in_doubt(exchange))
        return lost_in_doubt(exchange); /* not all of its message has been sent */
    switch (exchange->replies.mode) {
    case REPLIES_BARE: /* while idle: ignore further pieces of the last reply */
        result = replies_next(&exchange->replies, true, &reply);
        if (result == FRAMING_TOO_LONG || result == FRAMING_MALFORMED)
            return lost_by_reply(exchange, result);
        return OUTCOME_DONE;
    case REPLIES_UNDECIDED:
        return lost(exchange, "the server sent bytes before any message was sent: "
                              "it does not acknowledge messages");
    case REPLIES_FRAMED:
        do
            result = replies_next(&exchange->replies, false, &reply);
        while (result == FRAMING_CONTROL && !reply.last);
        if (result == FRAMING_CONTROL)
            return lost_by_farewell(exchange);
        if (result != FRAMING_UNFINISHED)
            return lost(exchange, "the server sent more replies than there were messages");
    }
    return OUTCOME_DONE;
}

static enum outcome take_replies(struct exchange *exchange, bool settled, int64_t now_us)
{
    struct frame reply;

    while (window_awaits(&exchange->window)) {
        bool whole = settled || !is_settling(exchange);
        enum framing_result result = replies_next(&exchange->replies, whole, &reply);
        if (result == FRAMING_UNFINISHED)
            return OUTCOME_DONE;
        if (result == FRAMING_CONTROL && !reply.last)
            continue;
        if (result == FRAMING_CONTROL)
            return lost_by_farewell(exchange);
        if (result != FRAMING_MESSAGE)
            return lost_by_reply(exchange, result);
        if (replies_refuses(&reply))
            return lost_by_refusal(exchange, &reply);
        if (exchange->replies.mode == REPLIES_BARE && !is_in_one_piece(exchange))
            return lost_in_doubt(exchange);
        enum outcome outcome = take_reply(exchange, &reply, now_us);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return check_rest(exchange);
}

static size_t receive_size(const struct exchange *exchange)
{
    size_t size = exchange->settings.window * RECEIVE_SIZE_OF_REPLY;

    if (size < RECEIVE_SIZE_MIN)
        return RECEIVE_SIZE_MIN;
    return size < RECEIVE_SIZE_MAX ? size : RECEIVE_SIZE_MAX;
}

enum outcome exchange_receive(struct exchange *exchange, int64_t now_us)
{
    if (exchange->lost)
        return OUTCOME_LOST;
    size_t size = receive_size(exchange);
    unsigned char *room = replies_room(&exchange->replies, size);

    if (room == NULL)
        return OUTCOME_FAILED;
    ssize_t received = recv(exchange->connection.fd, room, size, 0);
    int error = received < 0 ? errno : 0;
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR)
        return exchange->send_error == 0 ? OUTCOME_DONE
                                         : lost(exchange, strerror(exchange->send_error));
    if (received > 0) {
        replies_added(&exchange->replies, (size_t)received);
        exchange->received_us = now_us;
        return take_replies(exchange, false, now_us);
    }
    /* After a reset, a reply without an end mark may be incomplete. */
    enum outcome outcome = take_replies(exchange, error == 0, now_us);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (is_in_doubt(exchange))
        return lost_in_doubt(exchange);
    exchange->refused = window_sent_one(&exchange->window);
    if (error == 0)
        error = exchange->send_error;
    return lost(exchange, error == 0 ? "the server closed the connection" : strerror(error));
}

/* The reply is due to be taken as complete. If tcpack was stopped, more bytes may have arrived. */
static enum outcome settle(struct exchange *exchange, int64_t now_us)
{
    enum outcome outcome = exchange_receive(exchange, now_us);

    if (outcome == OUTCOME_DONE && is_settling(exchange) && now_us >= settled_us(exchange))
        return take_replies(exchange, true, now_us);
    return outcome;
}

static enum outcome lost_by_silence(struct exchange *exchange)
{
    double timeout = (double)exchange->settings.timeout_us / 1e6;
    struct problem why;

    if (is_in_doubt(exchange))
        return lost_in_doubt(exchange); /* the reply never settles */
    problem_set(&why, "no acknowledgement within %g seconds", timeout);
    if (exchange->answered == 0)
        problem_set(&why, "%s (does the server use another framing than %s? See -f)", why.text,
                    framing_names[exchange->settings.framing]);
    return lost(exchange, why.text);
}

enum outcome exchange_tick(struct exchange *exchange, int64_t now_us)
{
    if (exchange->lost)
        return OUTCOME_LOST;
    if (exchange->send_error != 0)
        return exchange_receive(exchange, now_us); /* until everything received is read */
    if (is_settling(exchange) && now_us >= settled_us(exchange))
        return settle(exchange, now_us);
    if (now_us < exchange_due(exchange))
        return OUTCOME_DONE;
    /* If tcpack was stopped since it looked, replies may have arrived. */
    enum outcome outcome = exchange_receive(exchange, now_us);
    if (outcome != OUTCOME_DONE || now_us < exchange_due(exchange))
        return outcome;
    return lost_by_silence(exchange);
}

void exchange_restart_timeout(struct exchange *exchange, int64_t now_us)
{
    exchange->progress_us = now_us;
}

void exchange_finish(struct exchange *exchange)
{
    const struct window *window = &exchange->window;

    if (exchange->settings.framing == FRAMING_RELP && exchange_connected(exchange) &&
        !exchange->lost && exchange->send_error == 0 && window->count == 0)
        relp_session_close(exchange->connection.fd,
                           framing_transaction(FRAMING_RELP, window->number));
}

void exchange_disconnect(struct exchange *exchange)
{
    exchange->again = true;
    if (window_sent_in_part(&exchange->window))
        connect_reset(&exchange->connection);
    else
        connect_close(&exchange->connection);
}
