#include "common/framing/relp_command.h"

#include <string.h>

enum { NAME_MAX_LETTERS = 32 };

/* A position in a frame, and the result so far. */
struct cursor {
    const unsigned char *bytes;
    size_t size;
    size_t at;
    enum framing_result result; /* FRAMING_MESSAGE: go on */
};

/* The byte at the cursor. At the end of the bytes, returns 0 and sets the result. */
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

    while (is_digit(peek(cursor)) && cursor->at - begin < RELP_NUMBER_DIGITS)
        number = number * 10 + (uint64_t)(cursor->bytes[cursor->at++] - '0');
    if (cursor->result == FRAMING_MESSAGE && cursor->at == begin)
        cursor->result = FRAMING_MALFORMED;
    return number;
}

static size_t take_name(struct cursor *cursor)
{
    size_t begin = cursor->at;

    while (is_letter(peek(cursor)) && cursor->at - begin < NAME_MAX_LETTERS)
        cursor->at++;
    if (cursor->result == FRAMING_MESSAGE && cursor->at == begin)
        cursor->result = FRAMING_MALFORMED;
    return cursor->at - begin;
}

bool relp_command_is(const struct relp_command *command, const char *name)
{
    return command->name_size == strlen(name) &&
           memcmp(command->name, name, command->name_size) == 0;
}

uint64_t relp_command_number(uint64_t count)
{
    return count % RELP_NUMBER_MAX + 1;
}

enum framing_result relp_command_parse(const unsigned char *bytes, size_t size, size_t max_syslog,
                                       size_t max_other, struct relp_command *command)
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
    if (command->data_size > (relp_command_is(command, "syslog") ? max_syslog : max_other))
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
