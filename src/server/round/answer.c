#include "server/round/answer.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>

/* Nothing is unsent any longer: receiving goes on, and its time-outs begin again. */
static void note_sent(struct connection *connection, int64_t now)
{
    connection->unsent_since = 0;
    connection->last_message = now;
    if (connection->unfinished_since != 0)
        connection->unfinished_since = now;
}

/* Sends the replies. False if the connection was closed. */
static bool send_replies(struct server *server, const struct answers *answers,
                         const struct answer *answer, int64_t now)
{
    struct connection *connection = answer->connection;
    size_t unsent = connection->out.size;
    uint32_t sent = connection->sent;
    const unsigned char *replies = answer->size > 0 ? answers->replies.bytes + answer->begin : NULL;

    if (connection->state == CONNECTION_MUTE)
        return true;
    enum connection_sent result = connection_send(connection, replies, answer->size);
    if (connection->sent_since == 0 && connection->sent != sent && !connection->is_unix)
        connection->sent_since = now;
    if (result == CONNECTION_SENT || result == CONNECTION_UNSENT)
        server->metrics.replied_bytes += unsent + answer->size - connection->out.size;
    switch (result) {
    case CONNECTION_SENT:
        if (unsent > 0)
            note_sent(connection, now);
        return true;
    case CONNECTION_UNSENT:
        if (connection->out.size < unsent || connection->unsent_since == 0)
            connection->unsent_since = now;
        return true;
    case CONNECTION_GONE:
        connection->unsent_since = 0;
        connection->sent_since = 0;
        if (connection->state == CONNECTION_READING)
            connection->state = CONNECTION_MUTE;
        return true;
    case CONNECTION_FAILED:
        break;
    }
    connection->end =
        errno == ENOMEM || errno == ENOBUFS ? METRICS_ENDED_MEMORY : METRICS_ENDED_BY_RESET;
    peer_log_warning(&server->peer_log, server->now, connection, "cannot send replies to %s: %s",
                     connection->peer, strerror(errno));
    connections_close(server, connection, NULL);
    return false;
}

static void answer_one(struct server *server, const struct answers *answers,
                       const struct answer *answer, int64_t now)
{
    struct connection *connection = answer->connection;

    connection->unanswered = false;
    if (answer->messages > 0)
        connection->last_message = now;
    if (!send_replies(server, answers, answer, now))
        return;
    bool last = connection->out.size == 0 && (connection->state == CONNECTION_ENDING ||
                                              connection->state == CONNECTION_REFUSING);
    if (last)
        (void)connection_say_farewell(connection); /* the end follows in any case */
    if (last && connection->ended) {
        connections_close(server, connection, NULL);
        return;
    }
    if (last)
        connection_discard(connection, now);
    connections_settle(server, connection);
}

/* Time-outs begin now, not when the round began: a slow commit is not the client's silence. */
static void answer_all(struct server *server, struct answers *answers)
{
    int64_t now = answers->count > 0 ? clock_monotonic_us() : server->now;

    for (size_t at = 0; at < answers->count; at++)
        answer_one(server, answers, &answers->all[at], now);
    answers_clear(answers);
}

/* The next answers use the memory of those that were sent: only one of the lists becomes large. */
static void reuse_memory(struct server *server)
{
    const struct answers sent = server->committed;

    if (server->answers.count > 0 || server->answers.replies.size > 0 ||
        server->answers.capacity >= sent.capacity)
        return;
    server->committed = server->answers;
    server->answers = sent;
}

void round_answer(struct server *server)
{
    answer_all(server, &server->committed);
    reuse_memory(server);
    if (!server->recording.committing && journal_batch(server->recording.journal).messages == 0)
        answer_all(server, &server->answers);
}
