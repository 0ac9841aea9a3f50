#include "common/framing/relp.h"

#include <string.h>

enum {
    NUMBER_DIGITS_MAX = 9, /* of a transaction number and of a length */
    NUMBER_MAX = 999999999,
    COMMAND_MAX = 32, /* letters */
    /* Data that a command other than syslog may have: offers are some hundred bytes. */
    OTHER_DATA_MAX = 32 * 1024,
};

static const char opened[] =
    "200 OK\nrelp_version=0\nrelp_software=tcpackd," PACKAGE_VERSION "\ncommands=syslog";
static const char opened_twice[] = "500 the session is open already";
static const char unknown_command[] = "500 unknown command";

/* TXNR SP COMMAND SP DATALEN [SP DATA] LF */
struct command {
    uint64_t number;
    const unsigned char *name;
    size_t name_size;
    const unsigned char *data;
    size_t data_size;
    size_t size; /* bytes of the whole frame */
};

/* What was read so far of a frame, and whether it can be one. */
struct cursor {
    const unsigned char *bytes;
    size_t size;
    size_t at;
    enum framing_result result; /* FRAMING_MESSAGE: go on */
};

/* The byte at the cursor; 0 with a result where there is none. */
static unsigned char peek(struct cursor *cursor)
{
    if (cursor->result == FRAMING_MESSAGE && cursor->at == cursor->size)
        cursor->result = FRAMING_UNFINISHED;
    return cursor->result == FRAMING_MESSAGE ? cursor->bytes[cursor->at] : 0;
}

static void take(struct cursor *cursor, unsigned char byte)
{
    if (peek(cursor) == byte)
        cursor->at++;
    else if (cursor->result == FRAMING_MESSAGE)
        cursor->result = FRAMING_MALFORMED;
}

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static uint64_t take_number(struct cursor *cursor)
{
    size_t begin = cursor->at;
    uint64_t number = 0;

    while (is_digit(peek(cursor)) && cursor->at - begin < NUMBER_DIGITS_MAX)
        number = number * 10 + (uint64_t)(cursor->bytes[cursor->at++] - '0');
    if (cursor->result == FRAMING_MESSAGE && cursor->at == begin)
        cursor->result = FRAMING_MALFORMED;
    return number;
}

static size_t take_name(struct cursor *cursor)
{
    size_t begin = cursor->at;

    while (is_letter(peek(cursor)) && cursor->at - begin < COMMAND_MAX)
        cursor->at++;
    if (cursor->result == FRAMING_MESSAGE && cursor->at == begin)
        cursor->result = FRAMING_MALFORMED;
    return cursor->at - begin;
}

static bool is_named(const struct command *command, const char *name)
{
    return command->name_size == strlen(name) &&
           memcmp(command->name, name, command->name_size) == 0;
}

/* The length is judged before any of the data is waited for. */
static bool is_too_long(const struct command *command, size_t max_message)
{
    if (!is_named(command, "syslog"))
        return command->data_size > OTHER_DATA_MAX;
    return command->data_size > max_message && command->data_size - 1 > max_message;
}

static enum framing_result parse(const unsigned char *bytes, size_t size, size_t max_message,
                                 struct command *command)
{
    struct cursor cursor = {bytes, size, 0, FRAMING_MESSAGE};

    command->number = take_number(&cursor);
    take(&cursor, ' ');
    command->name = bytes + cursor.at;
    command->name_size = take_name(&cursor);
    take(&cursor, ' ');
    command->data_size = (size_t)take_number(&cursor);
    (void)peek(&cursor); /* the byte after the number says that it is whole */
    if (cursor.result != FRAMING_MESSAGE)
        return cursor.result;
    if (is_too_long(command, max_message))
        return FRAMING_TOO_LONG;
    if (command->data_size > 0)
        take(&cursor, ' ');
    command->data = bytes + cursor.at;
    if (cursor.result == FRAMING_MESSAGE && size - cursor.at < command->data_size)
        return FRAMING_UNFINISHED;
    cursor.at += command->data_size;
    take(&cursor, '\n');
    command->size = cursor.at;
    return cursor.result;
}

/* A command that is not recorded, and its response. */
static enum framing_result control(const struct command *command, const char *response, bool last,
                                   struct frame *frame)
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

/* One trailing LF is the sender's, not the message's: rsyslog's omrelp adds one. */
static enum framing_result give_message(const struct command *command, size_t max_message,
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

/* What has no response: hints, which have number 0, and responses to commands we never send. */
static enum framing_result pass_over(const struct command *command, struct frame *frame)
{
    *frame = (struct frame){.consumed = command->size};
    return FRAMING_CONTROL;
}

static uint64_t next_number(uint64_t number)
{
    return number == NUMBER_MAX ? 1 : number + 1;
}

/*
 * The offers of an open command are not judged: whatever a client offers, it gets what there is,
 * version 0 and syslog, and ends the session if that is not enough for it.
 */
static enum framing_result obey(struct framing_state *state, const struct command *command,
                                size_t max_message, struct frame *frame)
{
    bool open = state->number != 0;

    if (is_named(command, "rsp") || (command->number == 0 && !is_named(command, "syslog")))
        return pass_over(command, frame);
    if (command->number != next_number(state->number) || (!open && !is_named(command, "open")))
        return FRAMING_MALFORMED;
    state->number = (uint32_t)command->number;
    if (is_named(command, "syslog"))
        return give_message(command, max_message, frame);
    if (is_named(command, "open"))
        return control(command, open ? opened_twice : opened, open, frame);
    if (is_named(command, "close"))
        return control(command, "", true, frame);
    return control(command, unknown_command, false, frame);
}

static enum framing_result relp_next(struct framing_state *state, const unsigned char *bytes,
                                     size_t size, bool ended, size_t max_message,
                                     struct frame *frame)
{
    struct command command;
    enum framing_result result = parse(bytes, size, max_message, &command);

    if (result == FRAMING_UNFINISHED && ended && size > 0)
        return FRAMING_MALFORMED;
    return result == FRAMING_MESSAGE ? obey(state, &command, max_message, frame) : result;
}

/* `TXNR rsp DATALEN [SP DATA] LF`; nothing for what has no response. */
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

/* A hint: without it, rsyslog's omrelp sends one more message into a connection that has ended. */
static const char *relp_farewell(struct framing_state *state)
{
    bool open = state->number != 0;

    state->number = 0;
    return open ? "0 serverclose 0\n" : NULL;
}

const struct framing_protocol framing_relp = {
    .next = relp_next,
    .wrap = relp_wrap,
    .own_ending = 0,
    .forbidden = -1,
    .forbidden_reply = -1,
    .reply = "200 OK",
    .farewell = relp_farewell,
};
