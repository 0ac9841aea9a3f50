#include "server/round/explain.h"

#include "common/framing/framing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { LINE_BYTES = 256 };

static bool is_wanted(const struct connection *connection)
{
    const struct config_listener *config = connection->settings->config;

    return config->explain && config->acknowledge && connection->state != CONNECTION_MUTE &&
           framing_reply(connection->framing) == NULL; /* relp has no such replies */
}

/* Appends `refused: TEXT` as a reply. False: out of memory, and nothing was appended. */
static bool append(const struct connection *connection, const char *text, struct buffer *out)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof line, "refused: %s", text); /* a longer one is cut */
    return framing_wrap_message(connection->framing, 0, line, strlen(line), out);
}

void explain_append(struct answers *answers, const struct connection *connection,
                    const char *format, ...)
{
    char text[LINE_BYTES / 2];
    va_list args;

    if (!is_wanted(connection))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!append(connection, text, &answers->replies)) {
        /* The connection is closed all the same. */
    }
}

void explain_now(const struct connection *connection, const char *why)
{
    struct buffer line = {0};

    if (!is_wanted(connection) || connection->out.size > 0)
        return;
    if (append(connection, why, &line) &&
        send(connection->fd, line.bytes, line.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        /* The client will see only the end. */
    }
    buffer_free(&line);
}

void explain_unrecorded(struct answers *answers)
{
    for (size_t at = 0; at < answers->count; at++) {
        struct answer *answer = &answers->all[at];
        if (answer->messages == 0)
            continue;
        answer->begin = answers->replies.size;
        explain_append(answers, answer->connection,
                       "the message cannot be recorded now: send it again later");
        answer->size = answers->replies.size - answer->begin;
    }
}
