#include "server/round/read.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/record.h"
#include "server/connection/http.h"
#include "server/connection/proxy.h"
#include "server/process/signals.h"
#include "server/round/admit.h"
#include "server/round/explain.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>

enum {
    /*
     * Bytes of replies after which the connection's next messages wait for the next round: a client
     * that never reads costs no more memory than this.
     */
    REPLIES_MAX = 64 * 1024,
    /*
     * Bytes read in a round from all ready connections together, in equal shares; each is read at
     * least once. A busy sender does not wait for a commit after each recv(), and the others do not
     * wait long for its messages.
     */
    ROUND_BYTES = 1024 * 1024,
    /*
     * Bytes after which a connection is read on only while it has time left: all ready connections
     * together have this part of the time that the last commit took. With more, a busy sender is
     * faster, and a client beside it waits longer: for the rest of this round and for the next one.
     * It waits for the commits anyway, and hardly notices what takes less time than they do.
     */
    UNTIMED_BYTES = 48 * 1024,
    COMMIT_PART = 2,
    /* Bytes of records after which the other connections wait for the next round. */
    BATCH_MAX = 4 * 1024 * 1024,
};

static bool record(struct server *server, const struct connection *connection,
                   const struct frame *frame, uint64_t *seq)
{
    return journal_append(server->recording.journal, connection->peer,
                          connection->settings->config->name, frame->message, frame->size, seq);
}

static bool is_health_check(const struct connection *connection, const struct frame *frame)
{
    const struct buffer *check = &connection->settings->health_check;

    return check->size > 0 && frame->size == check->size &&
           memcmp(frame->message, check->bytes, check->size) == 0;
}

/* Answers with SEQ 0, if messages are answered, and does not record. */
static bool answer_health_check(struct server *server, const struct connection *connection,
                                const struct frame *frame)
{
    struct record_time time = {0};

    server->metrics.health_checks++;
    if (!recording_is_healthy(&server->recording, server->now))
        return true;
    record_time_set(&time, clock_wall_us());
    return answers_reply(&server->answers, connection, frame, 0, time.text);
}

/* The result of taking messages out of the bytes of one connection. */
struct taken {
    enum framing_result result; /* of the last framing_next(); MESSAGE: there may be more */
    size_t used;                /* bytes */
    size_t messages;            /* including health checks */
    size_t recorded;            /* messages that are in the batch */
    size_t commands;            /* frames of the framing's own that get a response */
    bool http;                  /* the first message is an HTTP request */
    bool refused;               /* the peer of the next message is not admitted; logged */
    bool unrecorded;            /* the next message has no record: see journal_problem() */
    bool unanswered;            /* no memory for the reply to the last message */
    bool starved;               /* no memory for the bytes after the last message */
    bool last;                  /* the peer ends the session: nothing follows */
};

static bool stopped(const struct taken *taken)
{
    return taken->http || taken->refused || taken->unrecorded || taken->unanswered;
}

/* Records and answers a message, and notes the result in *taken. */
static void take_message(struct server *server, struct connection *connection,
                         const struct frame *frame, struct taken *taken)
{
    uint64_t seq;

    if (is_health_check(connection, frame)) {
        taken->unanswered = !answer_health_check(server, connection, frame);
    } else {
        taken->refused = !connection->admitted && !admit_proxy(server, connection);
        taken->unrecorded = !taken->refused && !record(server, connection, frame, &seq);
        if (taken->refused || taken->unrecorded)
            return;
        taken->recorded++;
        taken->unanswered = !answers_reply(&server->answers, connection, frame, seq,
                                           journal_time(server->recording.journal));
    }
    taken->used += frame->consumed;
    taken->messages++;
}

/* How many bytes of an unfinished first message are searched for an HTTP request line. */
enum { HTTP_LINE_MAX = 8192 };

/* Whether the first message, `frame`, is an HTTP request; NULL: the message is unfinished. */
static bool is_http(const struct connection *connection, const struct frame *frame,
                    const unsigned char *bytes, size_t size)
{
    if (frame == NULL)
        return http_is_request(bytes, size < HTTP_LINE_MAX ? size : HTTP_LINE_MAX, false);
    return http_is_request(frame->message, frame->size, true) ||
           (frame->ending == FRAMING_ENDING_NONE && !connection->ended &&
            http_is_cut_request(frame->message, frame->size));
}

/* Examines a connection's first message, or the beginning of it, at the front of `bytes`. */
static void look_at_first(struct server *server, struct connection *connection,
                          const struct frame *frame, const unsigned char *bytes, size_t size,
                          struct taken *taken)
{
    taken->http = is_http(connection, frame, bytes, size);
    if (frame == NULL || taken->http)
        return;
    connection->began = true;
    if (proxy_begins(bytes, size))
        peer_log_proxy_header(&server->peer_log, server->now, connection);
    if (framing_begins_relp(bytes, size))
        peer_log_relp_session(&server->peer_log, server->now, connection);
}

/* Answers a frame of the framing's own, which is not recorded. False: no more is to be taken. */
static bool answer_control(struct server *server, struct connection *connection,
                           const struct frame *frame, struct taken *taken)
{
    bool is_command = frame->ending != FRAMING_ENDING_NONE;

    connection->began = connection->began || is_command; /* no HTTP, no other framing's messages */
    taken->refused = is_command && !connection->admitted && !admit_proxy(server, connection);
    if (taken->refused)
        return false;
    taken->used += frame->consumed;
    taken->commands += is_command;
    taken->last = frame->last;
    taken->result = FRAMING_MESSAGE;
    taken->unanswered = !framing_wrap(connection->framing, frame->ending, frame->message,
                                      frame->size, &server->answers.replies);
    return !taken->last && !taken->unanswered;
}

static struct taken take_messages(struct server *server, struct connection *connection,
                                  const unsigned char *bytes, size_t size, size_t used)
{
    const struct config_listener *config = connection->settings->config;
    size_t begin = server->answers.replies.size;
    struct taken taken = {.result = FRAMING_MESSAGE, .used = used};
    struct frame frame;

    while (server->answers.replies.size - begin < REPLIES_MAX &&
           journal_batch(server->recording.journal).size < BATCH_MAX) {
        const unsigned char *next = bytes + taken.used;
        size_t left = size - taken.used;
        taken.result = framing_next(connection->framing, &connection->framing_state, next, left,
                                    connection->ended, config->max_message, &frame);
        if (taken.result == FRAMING_CONTROL) {
            if (!answer_control(server, connection, &frame, &taken))
                break;
            continue;
        }
        bool whole = taken.result == FRAMING_MESSAGE;
        if (!connection->began && (whole || taken.result == FRAMING_UNFINISHED))
            look_at_first(server, connection, whole ? &frame : NULL, next, left, &taken);
        if (!whole || taken.http)
            break;
        take_message(server, connection, &frame, &taken);
        if (stopped(&taken))
            break;
    }
    return taken;
}

/* Stops taking messages from a connection and logs why; `left` bytes of it are not recorded. */
static void refuse(struct server *server, struct connection *connection, const struct taken *taken,
                   size_t left)
{
    const struct config_listener *config = connection->settings->config;

    connection->state = CONNECTION_REFUSING;
    if (taken->refused)
        return;
    if (taken->http) {
        connection->end = METRICS_ENDED_HTTP;
        peer_log_warning(&server->peer_log, server->now, connection,
                         "refused %s: its first message is an HTTP request", connection->peer);
    } else if (taken->unrecorded) {
        connection->end = METRICS_ENDED_MEMORY;
        log_error("%s for a message of %s: %zu bytes not recorded",
                  journal_problem(server->recording.journal), connection->peer, left);
    } else if (taken->starved) {
        connection->end = METRICS_ENDED_MEMORY;
        log_error("out of memory for a message of %s: %zu bytes not recorded", connection->peer,
                  left);
    } else if (taken->unanswered) {
        connection->end = METRICS_ENDED_MEMORY;
        log_error("out of memory for a reply to %s: its message is not acknowledged, %zu bytes "
                  "after it not recorded",
                  connection->peer, left);
    } else if (taken->result == FRAMING_TOO_LONG) {
        connection->end = METRICS_ENDED_TOO_LONG;
        explain_append(&server->answers, connection, "message longer than %ju bytes",
                       (uintmax_t)config->max_message);
        peer_log_warning(&server->peer_log, server->now, connection,
                         "refused %s: a message is longer than max_message = %ju (%zu bytes "
                         "received)",
                         connection->peer, (uintmax_t)config->max_message, left);
    } else {
        connection->end = METRICS_ENDED_MALFORMED;
        explain_append(&server->answers, connection, "malformed %s framing",
                       framing_names[connection->framing]);
        peer_log_warning(&server->peer_log, server->now, connection,
                         "refused %s: malformed %s framing (%zu bytes not recorded)",
                         connection->peer, framing_names[connection->framing], left);
    }
}

/* Notes when an unfinished message began. */
static void note_unfinished(const struct server *server, struct connection *connection,
                            const struct taken *taken)
{
    if (taken->messages > 0)
        connection->last_message = server->now;
    if (connection->in.size == 0 || connection->more)
        connection->unfinished_since = 0;
    else if (connection->unfinished_since == 0 || taken->messages > 0)
        connection->unfinished_since = server->now;
}

/* Closes the connection: out of memory. */
static void close_starved(struct server *server, struct connection *connection, const char *why)
{
    connection->end = METRICS_ENDED_MEMORY;
    connections_close(server, connection, why);
}

/* Takes the messages out of bytes[used..size). False: the connection was closed. */
static bool take(struct server *server, struct connection *connection, const unsigned char *bytes,
                 size_t size, size_t used)
{
    size_t begin = server->answers.replies.size;
    struct taken taken = take_messages(server, connection, bytes, size, used);
    size_t left = size - taken.used;

    if (stopped(&taken) || taken.result == FRAMING_TOO_LONG || taken.result == FRAMING_MALFORMED) {
        refuse(server, connection, &taken, left);
    } else if (taken.last) {
        connection->state = CONNECTION_REFUSING;
    } else if (!connection_keep(connection, bytes, size, taken.used)) {
        taken.starved = true;
        refuse(server, connection, &taken, left);
    } else {
        connection->more = taken.result == FRAMING_MESSAGE && left > 0;
    }
    if (connection->ended && !connection->more && connection->state != CONNECTION_REFUSING)
        connection->state = CONNECTION_ENDING;
    note_unfinished(server, connection, &taken);
    connection->messages += taken.messages;
    const struct answer answer = {connection, begin, server->answers.replies.size - begin,
                                  taken.recorded + taken.commands};
    if (answers_add(&server->answers, answer))
        return true;
    close_starved(server, connection, "out of memory for its replies");
    return false;
}

static void close_reset(struct server *server, struct connection *connection)
{
    int error = errno;

    connection->end = METRICS_ENDED_BY_RESET;
    if (connection->state == CONNECTION_PROXY && connection->in.size > 0)
        peer_log_warning(&server->peer_log, server->now, connection,
                         "%s: %s: its PROXY header was unfinished", connection->peer,
                         strerror(error));
    else if (connection->in.size > 0)
        peer_log_warning(&server->peer_log, server->now, connection,
                         "%s: %s: dropped an unfinished message of %zu bytes", connection->peer,
                         strerror(error), connection->in.size);
    else if (connection_is_broken_by(error))
        log_debug("%s: %s", connection->peer, strerror(error));
    else
        peer_log_warning(&server->peer_log, server->now, connection, "cannot receive from %s: %s",
                         connection->peer, strerror(error));
    connections_close(server, connection, NULL);
}

/* Looks for the PROXY header in the bytes; after it the messages begin. False: as take(). */
static bool take_header(struct server *server, struct connection *connection,
                        const unsigned char *bytes, size_t size)
{
    size_t used;

    switch (admit_proxied(server, connection, bytes, size, &used)) {
    case ADMISSION_GRANTED:
        return take(server, connection, bytes, size, used);
    case ADMISSION_OPEN:
        if (connection_keep(connection, bytes, size, 0))
            connections_settle(server, connection);
        else
            close_starved(server, connection, "out of memory for its PROXY header");
        return false;
    case ADMISSION_REFUSED:
        connections_close(server, connection, NULL);
    }
    return false;
}

/* One recv(), and what becomes of the bytes. False when it is not among the answers. */
static bool read_first(struct server *server, struct connection *connection)
{
    size_t before = connection->in.size;
    const unsigned char *bytes;
    size_t size;

    switch (connection_receive(connection, server->scratch, &bytes, &size)) {
    case CONNECTION_RECEIVED:
    case CONNECTION_ENDED:
        server->metrics.received_bytes += size - before;
        if (connection->state == CONNECTION_PROXY)
            return take_header(server, connection, bytes, size);
        return take(server, connection, bytes, size, 0);
    case CONNECTION_NOTHING:
        connections_settle(server, connection);
        break;
    case CONNECTION_RESET:
        close_reset(server, connection);
        break;
    case CONNECTION_NO_MEMORY:
        close_starved(server, connection, "out of memory for its message");
    }
    return false;
}

/*
 * The same for a connection that is among the answers: it is not closed before they are sent. False
 * when the socket has no more for this round.
 */
static bool read_again(struct server *server, struct connection *connection)
{
    size_t before = connection->in.size;
    struct taken starved = {.starved = true};
    const unsigned char *bytes;
    size_t size;

    switch (connection_receive(connection, server->scratch, &bytes, &size)) {
    case CONNECTION_RECEIVED:
    case CONNECTION_ENDED:
        server->metrics.received_bytes += size - before;
        return take(server, connection, bytes, size, 0); /* its answer only grows: never false */
    case CONNECTION_NOTHING:
        break;
    case CONNECTION_RESET: /* the next round finds it again */
        connection->broken = errno;
        connection->undrained = true;
        break;
    case CONNECTION_NO_MEMORY:
        refuse(server, connection, &starved, size);
    }
    return false;
}

/* Whether the connection is read on that has given `bytes` in this round. */
static bool has_share(const struct server *server, uint64_t bytes)
{
    return bytes < server->read_share.bytes &&
           (bytes < UNTIMED_BYTES || clock_monotonic_us() < server->read_share.due);
}

/* Reads what the socket has, within the connection's share of the round. */
static void read_connection(struct server *server, struct connection *connection)
{
    uint64_t begin = server->metrics.received_bytes;
    size_t replies_end = server->answers.replies.size + REPLIES_MAX;

    if (!read_first(server, connection))
        return;
    while (connection->state == CONNECTION_READING && connection->undrained && !connection->more &&
           has_share(server, server->metrics.received_bytes - begin) &&
           server->answers.replies.size < replies_end &&
           journal_batch(server->recording.journal).size < BATCH_MAX &&
           read_again(server, connection))
        continue;
}

/* Its answer comes first: connections_settle() lets readiness watch it again. */
static void postpone(struct server *server, struct connection *connection)
{
    connection->postponed = true;
    if (!readiness_watch(server->readiness, connection->fd, 0)) {
        /* Cannot fail: there has been room since it was accepted. */
    }
}

/* A connection waits for one thing at a time: its state and `writing` say which. */
static void serve(struct server *server, struct connection *connection, unsigned events)
{
    const struct answer unsent = {.connection = connection};

    if ((events & READY_MORE) != 0)
        connection->undrained = true;
    if (connection->unanswered) {
        postpone(server, connection);
        return;
    }
    if (connection->state == CONNECTION_DISCARDING) {
        if (connection_drain(connection, server->scratch, server->scratch_size))
            connections_settle(server, connection);
        else
            connections_close(server, connection, NULL);
    } else if (!connection->writing) {
        read_connection(server, connection);
    } else if (!answers_add(&server->answers, unsent)) {
        close_starved(server, connection, "out of memory for its replies");
    }
}

bool round_must_finish(const struct server *server)
{
    return server->stopping || (server->requests & SIGNAL_RELOAD) != 0;
}

bool round_may_read(const struct server *server)
{
    return !(server->recording.committing && round_must_finish(server)) &&
           journal_batch(server->recording.journal).size < BATCH_MAX;
}

/* Whether the next commit has enough, and can begin. */
static bool is_full(const struct server *server)
{
    return !server->recording.committing &&
           gathering_is_full(&server->gathering, server->now, server->answers.count);
}

static struct read_share begin_shares(const struct server *server)
{
    size_t ready = readiness_count(server->readiness);
    struct read_share share = {.due = server->now};

    if (ready > 0) {
        share.bytes = ROUND_BYTES / ready;
        share.us = server->commit_us / COMMIT_PART / (int64_t)ready;
    }
    return share;
}

void round_read(struct server *server)
{
    unsigned events;
    int fd;

    if (!round_may_read(server))
        return;
    server->read_share = begin_shares(server);
    while (journal_batch(server->recording.journal).size < BATCH_MAX && !is_full(server) &&
           (fd = readiness_next(server->readiness, &events)) >= 0) {
        server->read_share.due += server->read_share.us;
        serve(server, server->connections.all[fd], events);
    }
}
