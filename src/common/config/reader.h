/*
 * reader.h: the lines of an INI text, one by one and each judged, for inih. Pure.
 *
 * inih by itself reads on where it should complain: it splits long lines, joins indented ones to
 * the value before, takes a ";" inside quotes for a comment, stops at a NUL. This reader hands over
 * exactly one line of the text a call, so that the handler knows its number, and every line that
 * inih would misread it reports and hands over as an empty one, so that reading goes on.
 */
#ifndef TCPACK_COMMON_CONFIG_READER_H
#define TCPACK_COMMON_CONFIG_READER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the longest line, without its end and without a comment: inih as distributions build it
 * has room for 200 with a newline and a NUL.
 */
enum { CONFIG_LINE_MAX = 198 };

/* Where lines are reported while they are read. All functions are needed. */
struct config_reader_events {
    /* The line is wrong: `problem` says why. */
    void (*wrong)(void *context, const char *problem);
    /* The line, which begins with `key`, has more than CONFIG_LINE_MAX bytes. */
    void (*too_long)(void *context, const char *key);
    /* A section [name] begins. False: nobody knows it, its keys are not handed over. */
    bool (*section)(void *context, const char *name);
};

struct config_reader {
    const char *rest; /* the text behind the lines handed over */
    size_t rest_size;
    size_t line;      /* the number of the line handed over last; 0 before the first */
    bool has_comment; /* in that line, after its value */
    enum { CONFIG_NO_SECTION, CONFIG_KNOWN_SECTION, CONFIG_UNKNOWN_SECTION } state;
    const struct config_reader_events *events;
    void *context; /* of the events */
};

/* The reader of a text, which must stay as it is while it is read. */
struct config_reader config_reader(const char *text, size_t size,
                                   const struct config_reader_events *events, void *context);

/* The ini_reader of ini_parse_stream(); `context` is a struct config_reader. */
char *config_reader_next(char *line, int room, void *context);

/*
 * Makes the value that inih gives to its handler the one that was meant: a `;` again where the
 * reader had hidden it, and without the double quotes that it begins and ends with. In place.
 */
void config_reader_value(char *value);

/* Takes away the double quotes that a value begins and ends with, in place. */
void config_reader_unquote(char *value);

/* Whether a value begins and ends with a double quote. */
bool config_reader_is_quoted(const char *value);

/* Whether a value begins with a double quote and does not end with one: CONFIG_OPEN_QUOTE. */
bool config_reader_has_open_quote(const char *value);

#define CONFIG_OPEN_QUOTE                                                                          \
    "a value that begins with a double quote must end with one, before a comment"

/*
 * Writes `key = value`, with quotes where they are needed, so that it reads back to the same value.
 * False where no line of at most CONFIG_LINE_MAX bytes does.
 */
bool config_reader_write(const char *key, const char *value,
                         char line[CONFIG_LINE_MAX + 1]) MUST_USE;

#endif
