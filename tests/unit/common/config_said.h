/* config_said.h: what config_load() and config_parse() report, kept for the tests of both. */
#ifndef TCPACK_TESTS_CONFIG_SAID_H
#define TCPACK_TESTS_CONFIG_SAID_H

#include "common/buffer.h"
#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>

/* Appends the line to the struct buffer `context`, a newline behind it. */
static inline void config_said_line(void *context, const char *line)
{
    struct buffer *said = context;

    if (!buffer_append(said, line, strlen(line)) || !buffer_append(said, "\n", 1))
        abort();
}

static inline struct config_report config_said(struct buffer *said)
{
    return (struct config_report){config_said_line, said};
}

/* What was said, as a string; "" for nothing. It stays in the buffer. */
static inline const char *config_said_text(struct buffer *said)
{
    if (!buffer_append(said, "", 1))
        abort();
    said->size--;
    return (const char *)said->bytes;
}

#endif
