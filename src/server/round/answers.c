#include "server/round/answers.h"

#include "common/record.h"
#include "common/reply.h"
#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

/* What is not kept allocated for the next round. */
enum {
    REPLIES_KEPT_MAX = 1024 * 1024, /* bytes */
    ANSWERS_KEPT_MAX = 16 * 1024,
};

bool answers_reply(struct answers *answers, const struct connection *connection,
                   const struct frame *frame, uint64_t seq, const char *time)
{
    const struct listener_settings *settings = connection->settings;
    const void *text = framing_reply(connection->framing);
    size_t size = text != NULL ? strlen(text) : 0;

    /* A framing's own replies are a part of it: `acknowledge` is about the configured one. */
    if ((text == NULL && !settings->config->acknowledge) || connection->state == CONNECTION_MUTE)
        return true;
    if (text == NULL)
        text = reply_constant(settings->reply, &size);
    if (text == NULL) {
        const struct reply_values values = {seq, frame->size, time, RECORD_TIME_LENGTH};
        answers->text.size = 0;
        if (!reply_render(settings->reply, &values, &answers->text))
            return false;
        text = answers->text.bytes;
        size = answers->text.size;
    }
    return framing_wrap(connection->framing, frame->ending, text, size, &answers->replies);
}

static bool make_room(struct answers *answers)
{
    size_t capacity = answers->capacity == 0 ? 64 : 2 * answers->capacity;

    if (answers->all != NULL && answers->count < answers->capacity)
        return true;
    struct answer *all = realloc(answers->all, capacity * sizeof *all);
    if (all == NULL)
        return false;
    answers->all = all;
    answers->capacity = capacity;
    return true;
}

bool answers_add(struct answers *answers, struct answer answer)
{
    struct answer *last = answers->count > 0 ? &answers->all[answers->count - 1] : NULL;

    if (last != NULL && last->connection == answer.connection) {
        last->size += answer.size;
        last->messages += answer.messages;
        return true;
    }
    if (!make_room(answers))
        return false;
    answers->all[answers->count++] = answer;
    answer.connection->unanswered = true;
    return true;
}

void answers_take_back(struct answers *answers)
{
    for (size_t at = 0; at < answers->count; at++) {
        struct answer *answer = &answers->all[at];
        answer->size = 0;
        if (answer->messages == 0)
            continue;
        answer->connection->state = CONNECTION_REFUSING;
        answer->connection->end = METRICS_ENDED_JOURNAL;
    }
}

void answers_clear(struct answers *answers)
{
    answers->count = 0;
    answers->replies.size = 0;
    if (answers->replies.capacity > REPLIES_KEPT_MAX)
        buffer_free(&answers->replies);
    if (answers->capacity > ANSWERS_KEPT_MAX) {
        free(answers->all);
        answers->all = NULL;
        answers->capacity = 0;
    }
}

void answers_free(struct answers *answers)
{
    buffer_free(&answers->text);
    buffer_free(&answers->replies);
    free(answers->all);
}
