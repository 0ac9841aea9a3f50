#include "common/framing/delimited.h"

#include <errno.h>
#include <string.h>

static enum framing_result give(struct framing_state *state, const unsigned char *message,
                                size_t size, size_t consumed, enum framing_ending ending,
                                size_t max_message, struct frame *frame)
{
    if (size > max_message)
        return FRAMING_TOO_LONG;
    state->scanned = 0;
    *frame = (struct frame){message, size, consumed, ending, false};
    return FRAMING_MESSAGE;
}

static enum framing_result no_delimiter(struct framing_state *state, const unsigned char *bytes,
                                        size_t size, size_t certain, bool ended, size_t max_message,
                                        struct frame *frame)
{
    if (ended && size > 0)
        return give(state, bytes, size, size, FRAMING_ENDING_NONE, max_message, frame);
    if (certain > max_message)
        return FRAMING_TOO_LONG;
    state->scanned = size;
    return FRAMING_UNFINISHED;
}

static const unsigned char *find(const struct framing_state *state, const unsigned char *bytes,
                                 size_t size, int delimiter)
{
    if (size == state->scanned)
        return NULL;
    return memchr(bytes + state->scanned, delimiter, size - state->scanned);
}

enum framing_result framing_line_next(struct framing_state *state, const unsigned char *bytes,
                                      size_t size, bool ended, size_t max_message,
                                      struct frame *frame)
{
    const unsigned char *newline = find(state, bytes, size, '\n');

    if (newline == NULL) {
        /* A carriage return at the end may belong to the ending. */
        size_t certain = size > 0 && bytes[size - 1] == '\r' ? size - 1 : size;
        return no_delimiter(state, bytes, size, certain, ended, max_message, frame);
    }
    size_t length = (size_t)(newline - bytes);
    size_t consumed = length + 1;
    if (length > 0 && newline[-1] == '\r')
        return give(state, bytes, length - 1, consumed, FRAMING_ENDING_CRLF, max_message, frame);
    return give(state, bytes, length, consumed, FRAMING_ENDING_LF, max_message, frame);
}

static enum framing_result nul_next(struct framing_state *state, const unsigned char *bytes,
                                    size_t size, bool ended, size_t max_message,
                                    struct frame *frame)
{
    const unsigned char *nul = find(state, bytes, size, '\0');

    if (nul == NULL)
        return no_delimiter(state, bytes, size, size, ended, max_message, frame);
    size_t length = (size_t)(nul - bytes);
    return give(state, bytes, length, length + 1, FRAMING_ENDING_NUL, max_message, frame);
}

bool framing_delimited_wrap(uint64_t ending, const void *text, size_t size, struct buffer *out)
{
    static const struct {
        char bytes[2];
        size_t size;
    } delimiters[] = {
        [FRAMING_ENDING_NONE] = {"", 0},
        [FRAMING_ENDING_LF] = {"\n", 1},
        [FRAMING_ENDING_CRLF] = {"\r\n", 2},
        [FRAMING_ENDING_NUL] = {"\0", 1},
    };
    if (ending >= sizeof delimiters / sizeof delimiters[0]) {
        errno = EINVAL;
        return false;
    }
    unsigned char *room = buffer_reserve(out, size + sizeof delimiters[ending].bytes);
    if (room == NULL)
        return false;
    if (size > 0)
        memcpy(room, text, size);
    memcpy(room + size, delimiters[ending].bytes, sizeof delimiters[ending].bytes);
    out->size += size + delimiters[ending].size;
    return true;
}

const struct framing_protocol framing_line = {
    .next = framing_line_next,
    .wrap = framing_delimited_wrap,
    .own_ending = FRAMING_ENDING_LF,
    .forbidden = '\n',
    .forbidden_reply = '\n',
};

const struct framing_protocol framing_nul = {
    .next = nul_next,
    .wrap = framing_delimited_wrap,
    .own_ending = FRAMING_ENDING_NUL,
    .forbidden = '\0',
    .forbidden_reply = '\0',
};
