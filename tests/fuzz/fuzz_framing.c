/*
 * Framing meets bytes that anybody sent. Of each input the first byte chooses the framing, the
 * second max_message, the third how the stream is cut; the rest is the stream. Whatever it is:
 * frames lie inside the stream and go forward; and all but auto find in a stream that
 * was cut the same messages, and the same answers to commands, as in the whole.
 */
#include "common/framing/framing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The messages found so far, each as its size, its ending and its bytes. */
struct outcome {
    struct buffer messages;
    enum framing_result result;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Of a command, only what is sent back counts: separators may be passed over one by one. */
static void keep(struct outcome *outcome, enum framing framing, const struct frame *frame)
{
    if (outcome->result == FRAMING_CONTROL) {
        require(
            framing_wrap(framing, frame->ending, frame->message, frame->size, &outcome->messages));
        return;
    }
    require(buffer_append(&outcome->messages, &frame->size, sizeof frame->size));
    require(buffer_append(&outcome->messages, &frame->ending, sizeof frame->ending));
    require(buffer_append(&outcome->messages, frame->message, frame->size));
}

/* Feeds the stream in pieces of `piece` bytes, each in memory of its own as large as what is
 * unread. */
static struct outcome run(enum framing framing, size_t max_message, const uint8_t *stream,
                          size_t size, size_t piece)
{
    struct outcome outcome = {{0}, FRAMING_UNFINISHED};
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
        outcome.result =
            framing_next(framing, &state, copy, unread, end == size, max_message, &frame);
        if (outcome.result == FRAMING_MESSAGE) {
            require(frame.consumed > 0 && frame.consumed <= unread);
            require(frame.size <= frame.consumed && frame.size <= max_message);
            require(frame.message >= copy && frame.message + frame.size <= copy + frame.consumed);
        } else if (outcome.result == FRAMING_CONTROL) {
            require(frame.consumed > 0 && frame.consumed <= unread);
        }
        bool taken = outcome.result == FRAMING_MESSAGE || outcome.result == FRAMING_CONTROL;
        if (taken) {
            keep(&outcome, framing, &frame);
            start += frame.consumed;
        }
        free(copy);
        if (taken && frame.last)
            return outcome;
        if (taken)
            continue;
        if (outcome.result != FRAMING_UNFINISHED || end == size)
            return outcome;
        end = size - end < piece ? size : end + piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 3)
        return 0;
    enum framing framing = (enum framing)(bytes[0] % 6);
    size_t max_message = bytes[1];
    size_t piece = 1 + bytes[2] % 16;

    struct outcome cut = run(framing, max_message, bytes + 3, size - 3, piece);
    if (framing != FRAMING_AUTO) {
        struct outcome whole = run(framing, max_message, bytes + 3, size - 3, SIZE_MAX);
        require(cut.result == whole.result);
        require(cut.messages.size == whole.messages.size);
        require(cut.messages.size == 0 ||
                memcmp(cut.messages.bytes, whole.messages.bytes, cut.messages.size) == 0);
        buffer_free(&whole.messages);
    }
    buffer_free(&cut.messages);
    return 0;
}
