/*
 * journal_lines.h: reads a line of a journal, text or JSON, by what tcpackd(8) says of it: written
 * beside the server's own code, so that a mistake there is not repeated here.
 */
#ifndef TCPACK_SIMULATION_JOURNAL_LINES_H
#define TCPACK_SIMULATION_JOURNAL_LINES_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_MESSAGE_MAX = 4096 };

struct journal_line {
    uint64_t seq;
    int port; /* of the peer; 0: it is a Unix socket's */
    unsigned char message[JOURNAL_MESSAGE_MAX];
    size_t size;
};

/* Reads the line[0..size), without its LF. False: it is no record. */
bool journal_line_read(const unsigned char *line, size_t size, bool json,
                       struct journal_line *read) MUST_USE;

#endif
