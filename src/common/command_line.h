/*
 * command_line.h: the options of a program's command line, one after the other, as getopt_long(3)
 * finds them; what is wrong with them is said in the same words by each program.
 */
#ifndef TCPACK_COMMON_COMMAND_LINE_H
#define TCPACK_COMMON_COMMAND_LINE_H

#include "common/compiler.h"
#include "common/problem.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first four are set by the program. */
struct command_line {
    int argc;
    char **argv;
    const char *letters; /* as getopt_long() has them, with ':' in front */
    const struct option *options;

    int option; /* that command_line_next() found last */
};

/* An option without a letter has a number from here on. */
enum { COMMAND_LINE_LONG = 256 };

enum { COMMAND_LINE_END = -1, COMMAND_LINE_WRONG = '?' };

/*
 * The next option's letter or number, COMMAND_LINE_END, or COMMAND_LINE_WRONG with the problem.
 * Words may be among the options, and are moved to the end.
 */
int command_line_next(struct command_line *line, struct problem *problem) MUST_USE;

/* After the end: the words. */
char **command_line_words(const struct command_line *line, size_t *count);

/*
 * The value of the option that was found last. The text is that of argv. False with the problem,
 * which names the option: the value is not allowed. `what` says what is.
 */
bool command_line_text(const struct command_line *line, const char *what, const char **text,
                       struct problem *problem) MUST_USE; /* not empty */
bool command_line_number(const struct command_line *line, uint64_t min, uint64_t max,
                         uint64_t *number, struct problem *problem) MUST_USE;
bool command_line_sender(const struct command_line *line, const char **name,
                         struct problem *problem) MUST_USE; /* NAME of a numbered message */

/* Says that the option does not take its value, but `what`; returns false. */
bool command_line_refuse(const struct command_line *line, const char *what,
                         struct problem *problem);

/* For command_line_text(). */
extern const char command_line_file[];

#endif
