/* answer: sends the round's replies, and decides what each connection waits for next. */
#include "common/log.h"
#include "server/round/round.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Replies beyond this many bytes are not kept allocated for the next round. */
enum { REPLIES_KEPT_MAX = 1024 * 1024 };

bool answer_add(struct server *server, struct answer answer)
{
    if (server->answers_count == server->answers_capacity) {
        size_t capacity = server->answers_capacity == 0 ? 64 : 2 * server->answers_capacity;
        struct answer *answers = realloc(server->answers, capacity * sizeof *answers);
        if (answers == NULL)
            return false;
        server->answers = answers;
        server->answers_capacity = capacity;
    }
    server->answers[server->answers_count++] = answer;
    return true;
}

/* Nothing is unsent any more: receiving goes on, and times that stood still begin anew. */
static void note_sent(const struct server *server, struct connection *connection)
{
    connection->unsent_since = 0;
    connection->last_message = server->now;
    if (connection->unfinished_since != 0)
        connection->unfinished_since = server->now;
}

/* Sends; false when the connection was closed. */
static bool send_replies(struct server *server, const struct answer *answer)
{
    struct connection *connection = answer->connection;
    size_t unsent = connection->out.size;
    uint64_t sent = connection->sent;
    const unsigned char *replies = answer->size > 0 ? server->replies.bytes + answer->begin : NULL;

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
    complain(server, connection, "cannot send replies to %s: %s", connection->peer,
             strerror(errno));
    connections_close(server, connection, NULL);
    return false;
}

static void answer_one(struct server *server, const struct answer *answer)
{
    struct connection *connection = answer->connection;

    if (!send_replies(server, answer))
        return;
    bool last = connection->out.size == 0 && (connection->state == CONNECTION_ENDING ||
                                              connection->state == CONNECTION_REFUSING);
    if (last && connection->ended) {
        connections_close(server, connection, NULL);
        return;
    }
    if (last)
        connection_discard(connection, server->now);
    connections_settle(server, connection);
}

void round_answer(struct server *server)
{
    for (size_t at = 0; at < server->answers_count; at++)
        answer_one(server, &server->answers[at]);
    server->answers_count = 0;
    server->replies.size = 0;
    if (server->replies.capacity > REPLIES_KEPT_MAX)
        buffer_free(&server->replies);
}
