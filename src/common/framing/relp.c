#include "common/framing/relp.h"

#include <string.h>

enum {
    NUMBER_DIGITS_MAX = 9, /* of a transaction number and of a length */
    NUMBER_MAX = 999999999,
    COMMAND_MAX = 32, /* letters */
    /* Data that a command other than syslog may have: offers are some hundred bytes. */
    OTHER_DATA_MAX = 32 * 1024,
};

/* An ending is the transaction number to answer, and whether the session ends with the answer. */
#define ENDS_SESSION (UINT64_C(1) << 32)

static const char opened[] =
    "200 OK\nrelp_version=0\nrelp_software=tcpackd," PACKAGE_VERSION "\ncommands=syslog";
static const char opened_twice[] = "500 the session is open already";
static const char unknown_command[] = "500 unknown command";
static const char farewell[] = "0 serverclose 0\n";

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

static enum framing_result give(const struct command *command, const unsigned char *text,
                                size_t size, uint64_t ending, enum framing_result result,
                                struct frame *frame)
{
    *frame = (struct frame){text, size, command->size, ending, (ending & ENDS_SESSION) != 0};
    return result;
}

static enum framing_result control(const struct command *command, const char *text, uint64_t flags,
                                   struct frame *frame)
{
    return give(command, (const unsigned char *)text, strlen(text), command->number | flags,
                FRAMING_CONTROL, frame);
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
    return give(command, command->data, size, command->number, FRAMING_MESSAGE, frame);
}

static uint64_t next_number(uint64_t number)
{
    return number == NUMBER_MAX ? 1 : number + 1;
}

static enum framing_result obey(struct framing_state *state, const struct command *command,
                                size_t max_message, struct frame *frame)
{
    bool open = state->number != 0;

    if (is_named(command, "rsp") || command->number == 0) /* nothing that we would have asked for */
        return give(command, NULL, 0, 0, FRAMING_CONTROL, frame);
    if (command->number != next_number(state->number) || (!open && !is_named(command, "open")))
        return FRAMING_MALFORMED;
    state->number = (uint32_t)command->number;
    if (is_named(command, "syslog"))
        return give_message(command, max_message, frame);
    if (is_named(command, "open"))
        return control(command, open ? opened_twice : opened, open ? ENDS_SESSION : 0, frame);
    if (is_named(command, "close"))
        return control(command, "", ENDS_SESSION, frame);
    return control(command, unknown_command, 0, frame);
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

/* `TXNR rsp DATALEN [SP DATA] LF`, and the last word of a session that ends. */
static bool relp_wrap(uint64_t ending, const void *text, size_t size, struct buffer *out)
{
    size_t before = out->size;

    if (ending == 0)
        return true;
    if (buffer_append_decimal(out, ending & ~ENDS_SESSION) && buffer_append_text(out, " rsp ") &&
        buffer_append_decimal(out, size) && buffer_append(out, " ", size > 0) &&
        buffer_append(out, text, size) && buffer_append_text(out, "\n") &&
        ((ending & ENDS_SESSION) == 0 || buffer_append_text(out, farewell)))
        return true;
    out->size = before;
    return false;
}

const struct framing_protocol framing_relp = {
    .next = relp_next,
    .wrap = relp_wrap,
    .own_ending = 0,
    .forbidden = -1,
    .reply = "200 OK",
};
