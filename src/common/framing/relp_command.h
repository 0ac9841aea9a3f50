/*
 * relp_command.h: a frame of RELP, which client and server send alike. Included in this folder
 * only.
 */
#ifndef TCPACK_COMMON_FRAMING_RELP_COMMAND_H
#define TCPACK_COMMON_FRAMING_RELP_COMMAND_H

#include "common/framing/framing.h"

enum {
    RELP_NUMBER_DIGITS = 9, /* at most, of a transaction number and of a length */
    RELP_NUMBER_MAX = 999999999,
};

/* TXNR SP COMMAND SP DATALEN [SP DATA] LF; it points into the bytes that were parsed. */
struct relp_command {
    uint64_t number; /* TXNR; 0: a hint, which has no response */
    const unsigned char *name;
    size_t name_size;
    const unsigned char *data;
    size_t data_size;
    size_t size; /* bytes of the whole frame */
};

/*
 * Parses the frame at the start of bytes[0..size). FRAMING_MESSAGE, or UNFINISHED, TOO_LONG or
 * MALFORMED as framing_next(). The length is checked before the data arrives: at most `max_syslog`
 * bytes of a syslog command, `max_other` of any other.
 */
enum framing_result relp_command_parse(const unsigned char *bytes, size_t size, size_t max_syslog,
                                       size_t max_other, struct relp_command *command) MUST_USE;

bool relp_command_is(const struct relp_command *command, const char *name);

/* The transaction number that follows `count` commands, or the number `count`: 1 after the last. */
uint64_t relp_command_number(uint64_t count);

#endif
