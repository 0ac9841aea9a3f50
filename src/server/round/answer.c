#include "server/round/answer.h"

#include "common/log.h"
#include "server/round/state.h"

#include <errno.h>
#include <string.h>

/* Nothing is unsent any longer: receiving goes on, and its time-outs begin again. */
static void note_sent(const struct server *server, struct connection *connection)
{
    connection->unsent_since = 0;
    connection->last_message = server->now;
    if (connection->unfinished_since != 0)
        connection->unfinished_since = server->now;
}

/* Sends the replies. False if the connection was closed. */
static bool send_replies(struct server *server, const struct answers *answers,
                         const struct answer *answer)
{
    struct connection *connection = answer->connection;
    size_t unsent = connection->out.size;
    uint64_t sent = connection->sent;
    const unsigned char *replies = answer->size > 0 ? answers->replies.bytes + answer->begin : NULL;

    if (connection->state == CONNECTION_MUTE)
        return true;
    enum connection_sent result = connection_send(connection, replies, answer->size);
    if (connection->sent_since == 0 && connection->sent != sent && !connection->is_unix)
        connection->sent_since = server->now;
    if (result == CONNECTION_SENT || result == CONNECTION_UNSENT)
        server->metrics.replied_bytes += unsent + answer->size - connection->out.size;
    switch (result) {
    case CONNECTION_SENT:
        if (unsent > 0)
            note_sent(server, connection);
        return true;
    case CONNECTION_UNSENT:
        if (connection->out.size < unsent || connection->unsent_since == 0)
            connection->unsent_since = server->now;
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
                       const struct answer *answer)
{
    struct connection *connection = answer->connection;

    connection->unanswered = false;
    if (answer->messages > 0)
        connection->last_message = server->now; /* a slow commit is not the client's silence */
    if (!send_replies(server, answers, answer))
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
        connection_discard(connection, server->now);
    connections_settle(server, connection);
}

static void answer_all(struct server *server, struct answers *answers)
{
    for (size_t at = 0; at < answers->count; at++)
        answer_one(server, answers, &answers->all[at]);
    answers_clear(answers);
}

void round_answer(struct server *server)
{
    answer_all(server, &server->committed);
    if (!server->recording.committing && journal_batch(server->recording.journal).messages == 0)
        answer_all(server, &server->answers);
}
