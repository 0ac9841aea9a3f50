/*
 * What a RELP server sends meets the client: responses, hints, offers. Whatever it is: frames lie
 * inside the stream and go forward, cut anywhere they are the same; offers are accepted or get a
 * text that a terminal can show. The first byte says how the stream is cut.
 */
#include "common/framing/framing.h"
#include "common/framing/relp_offers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { REPLY_MAX = 200 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void judge(const unsigned char *answer, size_t size)
{
    struct problem problem;

    memset(problem.text, 'x', sizeof problem.text);
    if (relp_offers_accept(answer, size, &problem))
        return;
    require(memchr(problem.text, '\0', sizeof problem.text) != NULL);
    for (const char *at = problem.text; *at != '\0'; at++)
        require((unsigned char)*at >= ' ' && *at != 127);
}

/* The replies as (number, size, bytes) up to what is no whole one; how it ended is the result. */
static enum framing_result run(const uint8_t *stream, size_t size, size_t piece,
                               struct buffer *replies)
{
    struct framing_state state = {0};
    size_t start = 0;
    size_t end = 0;

    for (;;) {
        struct frame frame;
        size_t unread = end - start;
        uint8_t *copy = malloc(unread > 0 ? unread : 1);
        require(copy != NULL);
        if (unread > 0)
            memcpy(copy, stream + start, unread);
        enum framing_result result =
            framing_next_reply(FRAMING_RELP, &state, copy, unread, REPLY_MAX, &frame);
        bool taken = result == FRAMING_MESSAGE || result == FRAMING_CONTROL;
        if (taken) {
            require(frame.consumed > 0 && frame.consumed <= unread);
            require(frame.size <= REPLY_MAX);
            require(buffer_append(replies, &frame.ending, sizeof frame.ending));
            require(buffer_append(replies, &frame.size, sizeof frame.size));
            require(buffer_append(replies, frame.message, frame.size));
            judge(frame.message, frame.size);
            start += frame.consumed;
        }
        free(copy);
        if (taken)
            continue;
        if (result != FRAMING_UNFINISHED || end == size)
            return result;
        end = size - end < piece ? size : end + piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer cut = {0};
    struct buffer whole = {0};

    if (size < 1)
        return 0;
    judge(bytes + 1, size - 1);
    require(run(bytes + 1, size - 1, 1 + bytes[0] % 16, &cut) ==
            run(bytes + 1, size - 1, SIZE_MAX, &whole));
    require(cut.size == whole.size);
    require(cut.size == 0 || memcmp(cut.bytes, whole.bytes, cut.size) == 0);
    buffer_free(&cut);
    buffer_free(&whole);
    return 0;
}
