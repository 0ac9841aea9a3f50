#include "common/framing/auto.h"

#include "common/framing/delimited.h"

#include <string.h>

static enum framing_result auto_next(struct framing_state *state, const unsigned char *bytes,
                                     size_t size, bool ended, size_t max_message,
                                     struct frame *frame)
{
    if (!state->lines)
        state->lines = size > 0 && memchr(bytes, '\n', size) != NULL;
    return framing_line_next(state, bytes, size, ended || !state->lines, max_message, frame);
}

const struct framing_protocol framing_auto = {
    .next = auto_next,
    .wrap = framing_delimited_wrap,
    .own_ending = FRAMING_ENDING_LF,
    .forbidden = '\n',
    .forbidden_reply = '\n',
};
