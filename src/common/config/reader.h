/*
 * reader.h: gives inih the lines of an INI text one by one, each checked. Pure.
 *
 * inih accepts lines that should be errors: it splits long lines, joins an indented line to the
 * value before, takes a ";" inside quotes for a comment, and stops at a NUL. This reader gives it
 * exactly one line of the text a call, so that the handler knows its number. A line that inih would
 * misread is reported and replaced by an empty one, so that reading goes on.
 */
#ifndef TCPACK_COMMON_CONFIG_READER_H
#define TCPACK_COMMON_CONFIG_READER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the longest line, without newline and comment: inih as distributions build it has room
 * for 200, with a newline and a NUL.
 */
enum { CONFIG_LINE_MAX = 198 };

/* Functions called while lines are read; none may be NULL. */
struct config_reader_events {
    /* The line is wrong: `problem` says why. */
    void (*wrong)(void *context, const char *problem);
    /* The line, which begins with `key`, has more than CONFIG_LINE_MAX bytes. */
    void (*too_long)(void *context, const char *key);
    /* A section [name] begins. False: it is unknown, and its keys are skipped. */
    bool (*section)(void *context, const char *name);
};

struct config_reader {
    const char *rest; /* the text after the lines given to inih */
    size_t rest_size;
    size_t line;      /* the number of the last line given to inih; 0 before the first */
    bool has_comment; /* in that line, after its value */
    enum { CONFIG_NO_SECTION, CONFIG_KNOWN_SECTION, CONFIG_UNKNOWN_SECTION } state;
    const struct config_reader_events *events;
    void *context; /* of the events */
};

/* A reader of the text, which must not change while it is read. */
struct config_reader config_reader(const char *text, size_t size,
                                   const struct config_reader_events *events, void *context);

/* The ini_reader of ini_parse_stream(); `context` is a struct config_reader. */
char *config_reader_next(char *line, int room, void *context);

/*
 * Restores, in place, a value that inih gives to its handler: shows each `;` that the reader hid
 * from inih, and removes the double quotes around it.
 */
void config_reader_value(char *value);

/* Removes the double quotes around a value, in place. */
void config_reader_unquote(char *value);

/* Whether a value begins and ends with a double quote. */
bool config_reader_is_quoted(const char *value);

/* Whether a value begins with a double quote and does not end with one: CONFIG_OPEN_QUOTE. */
bool config_reader_has_open_quote(const char *value);

#define CONFIG_OPEN_QUOTE                                                                          \
    "a value that begins with a double quote must end with one, before a comment"

/*
 * Writes `key = value`, with quotes if needed, as a line that reads back as the same value. False
 * if no line of at most CONFIG_LINE_MAX bytes does.
 */
bool config_reader_write(const char *key, const char *value,
                         char line[CONFIG_LINE_MAX + 1]) MUST_USE;

#endif
