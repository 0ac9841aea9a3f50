#include "client/replies.h"

#include <string.h>

void replies_init(struct replies *replies, enum framing framing)
{
    *replies = (struct replies){
        .mode = framing == FRAMING_AUTO ? REPLIES_UNDECIDED : REPLIES_FRAMED,
        .framing = framing == FRAMING_AUTO ? FRAMING_LINE : framing,
    };
}

void replies_restart(struct replies *replies)
{
    replies->bytes.size = 0;
    replies->begin = 0;
    replies->state = (struct framing_state){0};
    if (replies->mode == REPLIES_BARE)
        replies->mode = REPLIES_UNDECIDED;
}

unsigned char *replies_room(struct replies *replies, size_t size)
{
    buffer_consume(&replies->bytes, replies->begin);
    replies->begin = 0;
    return buffer_reserve(&replies->bytes, size);
}

void replies_added(struct replies *replies, size_t size)
{
    replies->bytes.size += size;
}

size_t replies_left(const struct replies *replies)
{
    return replies->bytes.size - replies->begin;
}

/* Call only if bytes are left. */
static bool ends_with_newline(const struct replies *replies)
{
    return replies->bytes.bytes[replies->bytes.size - 1] == '\n';
}

static void decide(struct replies *replies, bool settled)
{
    if (ends_with_newline(replies))
        replies->mode = REPLIES_FRAMED;
    else if (settled)
        replies->mode = REPLIES_BARE;
}

/* Takes a reply without an end mark. */
static enum framing_result next_bare(struct replies *replies, bool settled, struct frame *reply)
{
    size_t left = replies_left(replies);

    if (ends_with_newline(replies))
        return FRAMING_MALFORMED;
    if (left > REPLIES_SIZE_MAX)
        return FRAMING_TOO_LONG;
    if (!settled)
        return FRAMING_UNFINISHED;
    *reply = (struct frame){
        .message = replies->bytes.bytes + replies->begin,
        .size = left,
        .consumed = left,
        .ending = FRAMING_ENDING_NONE,
    };
    replies->begin += left;
    return FRAMING_MESSAGE;
}

enum framing_result replies_next(struct replies *replies, bool settled, struct frame *reply)
{
    size_t left = replies_left(replies);

    if (left == 0)
        return FRAMING_UNFINISHED;
    if (replies->mode == REPLIES_UNDECIDED)
        decide(replies, settled);
    if (replies->mode != REPLIES_FRAMED)
        return next_bare(replies, settled, reply);
    const unsigned char *bytes = replies->bytes.bytes + replies->begin;
    enum framing_result result =
        framing_next_reply(replies->framing, &replies->state, bytes, left, REPLIES_SIZE_MAX, reply);
    if (result == FRAMING_MESSAGE || result == FRAMING_CONTROL)
        replies->begin += reply->consumed;
    return result;
}

bool replies_refuses(const struct frame *reply)
{
    static const char refused[] = "refused: ";
    const size_t size = sizeof refused - 1;

    return reply->size >= size && memcmp(reply->message, refused, size) == 0;
}

bool replies_is_refusal(const struct replies *replies, struct frame *refusal)
{
    struct framing_state state = {0};
    size_t left = replies_left(replies);

    return left > 0 &&
           framing_next_reply(replies->framing, &state, replies->bytes.bytes + replies->begin, left,
                              REPLIES_SIZE_MAX, refusal) == FRAMING_MESSAGE &&
           replies_refuses(refusal);
}

void replies_free(struct replies *replies)
{
    buffer_free(&replies->bytes);
}
