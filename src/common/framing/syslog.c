#include "common/framing/syslog.h"

#include "common/framing/delimited.h"
#include "common/framing/octet.h"

/* LF and NUL bytes that the stream begins with: they belong to no frame. */
static size_t count_separators(const unsigned char *bytes, size_t size)
{
    size_t count = 0;

    while (count < size && (bytes[count] == '\n' || bytes[count] == '\0'))
        count++;
    return count;
}

static enum framing_result syslog_next(struct framing_state *state, const unsigned char *bytes,
                                       size_t size, bool ended, size_t max_message,
                                       struct frame *frame)
{
    size_t separators = state->scanned > 0 ? 0 : count_separators(bytes, size);

    if (separators > 0) {
        *frame = (struct frame){.consumed = separators, .ending = FRAMING_ENDING_NONE};
        return FRAMING_CONTROL;
    }
    if (size > 0 && bytes[0] >= '1' && bytes[0] <= '9')
        return framing_octet.next(state, bytes, size, ended, max_message, frame);
    return framing_line_next(state, bytes, size, ended, max_message, frame);
}

static bool syslog_wrap(uint64_t ending, const void *text, size_t size, struct buffer *out)
{
    if (ending == FRAMING_ENDING_COUNT)
        return framing_octet.wrap(ending, text, size, out);
    return framing_delimited_wrap(ending, text, size, out);
}

const struct framing_protocol framing_syslog = {
    .next = syslog_next,
    .wrap = syslog_wrap,
    .own_ending = FRAMING_ENDING_COUNT,
    .forbidden = -1,
    .forbidden_reply = '\n', /* some messages are lines, and so are their replies */
    .never_empty = true,     /* an empty line separates, and a count begins with 1 to 9 */
};
