#include "common/framing/relp.h"

#include "common/framing/relp_command.h"
#include "common/framing/relp_sender.h"

#include <string.h>

/* Data that a command other than syslog may have: offers are some hundred bytes. */
enum { OTHER_DATA_MAX = 32 * 1024 };

static const char opened[] =
    "200 OK\nrelp_version=0\nrelp_software=tcpackd," PACKAGE_VERSION "\ncommands=syslog";
static const char opened_twice[] = "500 the session is open already";
static const char unknown_command[] = "500 unknown command";

/* A command that is answered but not recorded. */
static enum framing_result control(const struct relp_command *command, const char *response,
                                   bool last, struct frame *frame)
{
    *frame = (struct frame){
        .message = (const unsigned char *)response,
        .size = strlen(response),
        .consumed = command->size,
        .ending = command->number,
        .last = last,
    };
    return FRAMING_CONTROL;
}

/* One trailing LF does not belong to the message: rsyslog's omrelp adds it. */
static enum framing_result give_message(const struct relp_command *command, size_t max_message,
                                        struct frame *frame)
{
    size_t size = command->data_size;

    if (size > 0 && command->data[size - 1] == '\n')
        size--;
    if (size > max_message)
        return FRAMING_TOO_LONG;
    *frame = (struct frame){command->data, size, command->size, command->number, false};
    return FRAMING_MESSAGE;
}

/* Hints (number 0) and responses get no response. The server sends no commands. */
static enum framing_result pass_over(const struct relp_command *command, struct frame *frame)
{
    *frame = (struct frame){.consumed = command->size};
    return FRAMING_CONTROL;
}

/*
 * The offers of an open command are not checked. The response offers version 0 and syslog in any
 * case; a client that needs more closes the session.
 */
static enum framing_result obey(struct framing_state *state, const struct relp_command *command,
                                size_t max_message, struct frame *frame)
{
    bool open = state->number != 0;

    if (relp_command_is(command, "rsp") ||
        (command->number == 0 && !relp_command_is(command, "syslog")))
        return pass_over(command, frame);
    if (command->number != relp_command_number(state->number) ||
        (!open && !relp_command_is(command, "open")))
        return FRAMING_MALFORMED;
    state->number = (uint32_t)command->number;
    if (relp_command_is(command, "syslog"))
        return give_message(command, max_message, frame);
    if (relp_command_is(command, "open"))
        return control(command, open ? opened_twice : opened, open, frame);
    if (relp_command_is(command, "close"))
        return control(command, "", true, frame);
    return control(command, unknown_command, false, frame);
}

static enum framing_result relp_next(struct framing_state *state, const unsigned char *bytes,
                                     size_t size, bool ended, size_t max_message,
                                     struct frame *frame)
{
    struct relp_command command;
    /* max_message is without the trailing LF: give_message() checks it. */
    enum framing_result result =
        relp_command_parse(bytes, size, max_message + 1, OTHER_DATA_MAX, &command);

    if (result == FRAMING_TOO_LONG && !relp_command_is(&command, "syslog"))
        return FRAMING_MALFORMED; /* it is no message: max_message does not apply */
    if (result == FRAMING_UNFINISHED && ended && size > 0)
        return FRAMING_MALFORMED;
    return result == FRAMING_MESSAGE ? obey(state, &command, max_message, frame) : result;
}

/* `TXNR rsp DATALEN [SP DATA] LF`; nothing if the frame gets no response. */
static bool relp_wrap(uint64_t ending, const void *text, size_t size, struct buffer *out)
{
    size_t before = out->size;

    if (ending == 0)
        return true;
    if (buffer_append_decimal(out, ending) && buffer_append_text(out, " rsp ") &&
        buffer_append_decimal(out, size) && buffer_append(out, " ", size > 0) &&
        buffer_append(out, text, size) && buffer_append_text(out, "\n"))
        return true;
    out->size = before;
    return false;
}

/* Without this hint, omrelp sends one more message over a connection that is already closed. */
static const char *relp_farewell(struct framing_state *state)
{
    bool open = state->number != 0;

    state->number = 0;
    return open ? "0 serverclose 0\n" : NULL;
}

const struct framing_protocol framing_relp = {
    .next = relp_next,
    .wrap = relp_wrap,
    .wrap_message = relp_sender_wrap,
    .unwrap_message = relp_sender_unwrap,
    .renumber = relp_sender_renumber,
    .transaction = relp_sender_transaction,
    .next_reply = relp_sender_next_reply,
    .accepts = relp_sender_accepts,
    .forbidden = -1,
    .forbidden_reply = -1,
    .reply = "200 OK",
    .farewell = relp_farewell,
};
