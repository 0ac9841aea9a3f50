#include "client/replies.h"

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

static void decide(struct replies *replies, bool settled)
{
    size_t left = replies_left(replies);

    if (left > 0 && replies->bytes.bytes[replies->bytes.size - 1] == '\n')
        replies->mode = REPLIES_FRAMED;
    else if (left > 0 && settled)
        replies->mode = REPLIES_BARE;
}

enum framing_result replies_next(struct replies *replies, bool settled, struct frame *reply)
{
    size_t left = replies_left(replies);

    if (replies->mode == REPLIES_UNDECIDED)
        decide(replies, settled);
    if (replies->mode == REPLIES_UNDECIDED || left == 0)
        return FRAMING_UNFINISHED;
    const unsigned char *bytes = replies->bytes.bytes + replies->begin;
    if (replies->mode == REPLIES_BARE) {
        *reply = (struct frame){bytes, left, left, FRAMING_ENDING_NONE};
        replies->begin += left;
        return FRAMING_MESSAGE;
    }
    enum framing_result result = framing_next(replies->framing, &replies->state, bytes, left, false,
                                              REPLIES_SIZE_MAX, reply);
    if (result == FRAMING_MESSAGE)
        replies->begin += reply->consumed;
    return result;
}

void replies_free(struct replies *replies)
{
    buffer_free(&replies->bytes);
}
