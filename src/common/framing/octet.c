#include "common/framing/octet.h"

/* Digits of the largest max_message, 1073741824; a message with a longer count is too long. */
enum { COUNT_DIGITS_MAX = 10 };

static enum framing_result octet_next(struct framing_state *state, const unsigned char *bytes,
                                      size_t size, bool ended, size_t max_message,
                                      struct frame *frame)
{
    uint64_t count = 0;
    size_t at = 0;

    (void)state; /* the count is short: it is read again each time */
    while (at < size && bytes[at] >= '0' && bytes[at] <= '9') {
        if (at == COUNT_DIGITS_MAX)
            return FRAMING_TOO_LONG;
        if (at == 1 && bytes[0] == '0')
            return FRAMING_MALFORMED; /* a leading zero */
        count = count * 10 + (uint64_t)(bytes[at] - '0');
        at++;
    }
    if (at == size)
        return ended && size > 0 ? FRAMING_MALFORMED : FRAMING_UNFINISHED;
    if (at == 0 || bytes[at] != ' ')
        return FRAMING_MALFORMED;
    if (count > max_message)
        return FRAMING_TOO_LONG;
    at++;
    if (size - at < count)
        return ended ? FRAMING_MALFORMED : FRAMING_UNFINISHED;
    *frame =
        (struct frame){bytes + at, (size_t)count, at + (size_t)count, FRAMING_ENDING_COUNT, false};
    return FRAMING_MESSAGE;
}

static bool octet_wrap(uint64_t ending, const void *text, size_t size, struct buffer *out)
{
    enum { HEAD_MAX = 21 }; /* bytes: the digits of UINT64_MAX, and a blank */

    (void)ending;                                     /* there is only one */
    if (buffer_reserve(out, HEAD_MAX + size) == NULL) /* all of it or nothing */
        return false;
    return buffer_append_decimal(out, size) && buffer_append(out, " ", 1) &&
           buffer_append(out, text, size);
}

const struct framing_protocol framing_octet = {
    .next = octet_next,
    .wrap = octet_wrap,
    .own_ending = FRAMING_ENDING_COUNT,
    .forbidden = -1,
    .forbidden_reply = -1,
};
