/* config_said.h: collects the errors of config_load() and config_parse() for their tests. */
#ifndef TCPACK_TESTS_CONFIG_SAID_H
#define TCPACK_TESTS_CONFIG_SAID_H

#include "common/buffer.h"
#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>

/* Appends the line and a newline to the struct buffer `context`. */
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

/* The errors as a string, "" for none; it belongs to the buffer. */
static inline const char *config_said_text(struct buffer *said)
{
    if (!buffer_append(said, "", 1))
        abort();
    said->size--;
    return (const char *)said->bytes;
}

#endif
