#include "common/framing/relp_sender.h"

#include "common/framing/relp_command.h"

#include <errno.h>
#include <string.h>

/* The session's open command has transaction number 1, its first message 2. */
uint64_t relp_sender_transaction(uint64_t number)
{
    return relp_command_number(number);
}

/* Always nine digits, so that a new number fits into the place of the old one. */
void relp_sender_renumber(uint64_t number, unsigned char *message)
{
    uint64_t transaction = relp_sender_transaction(number);

    for (size_t at = RELP_NUMBER_DIGITS; at > 0; transaction /= 10)
        message[--at] = (unsigned char)('0' + transaction % 10);
}

/* Servers remove one trailing LF, because omrelp adds one. A message that ends with LF gets one. */
bool relp_sender_wrap(uint64_t number, const void *text, size_t size, struct buffer *out)
{
    static const char name[] = " syslog ";
    unsigned char digits[RELP_NUMBER_DIGITS];
    size_t before = out->size;
    bool ends_with_lf = size > 0 && ((const unsigned char *)text)[size - 1] == '\n';

    if (size > RELP_NUMBER_MAX - 1) {
        errno = EMSGSIZE;
        return false;
    }
    relp_sender_renumber(number, digits);
    if (buffer_append(out, digits, sizeof digits) && buffer_append_text(out, name) &&
        buffer_append_decimal(out, size + ends_with_lf) && buffer_append(out, " ", size > 0) &&
        buffer_append(out, text, size) && buffer_append(out, "\n", ends_with_lf) &&
        buffer_append_text(out, "\n"))
        return true;
    out->size = before;
    return false;
}

bool relp_sender_unwrap(const unsigned char *bytes, size_t size, struct frame *frame)
{
    struct relp_command command;

    if (relp_command_parse(bytes, size, size, 0, &command) != FRAMING_MESSAGE)
        return false;
    size_t lf = command.data_size > 0 && command.data[command.data_size - 1] == '\n' ? 1 : 0;
    *frame =
        (struct frame){command.data, command.data_size - lf, command.size, command.number, false};
    return true;
}

enum framing_result relp_sender_next_reply(struct framing_state *state, const unsigned char *bytes,
                                           size_t size, size_t max_reply, struct frame *frame)
{
    struct relp_command command;
    enum framing_result result = relp_command_parse(bytes, size, max_reply, max_reply, &command);

    (void)state; /* a response is short: it is parsed again from its beginning */
    if (result != FRAMING_MESSAGE)
        return result;
    *frame = (struct frame){command.data, command.data_size, command.size, command.number, false};
    if (relp_command_is(&command, "rsp"))
        return FRAMING_MESSAGE;
    frame->last = relp_command_is(&command, "serverclose");
    return command.number == 0 ? FRAMING_CONTROL : FRAMING_MALFORMED;
}

/* `200`, then a text, offers or nothing. */
bool relp_sender_accepts(const unsigned char *reply, size_t size)
{
    return size >= 3 && memcmp(reply, "200", 3) == 0 &&
           (size == 3 || reply[3] == ' ' || reply[3] == '\n');
}
