/*
 * problem.h: what went wrong, as one line of text without a newline. Pure.
 *
 * A function that can fail for more than one reason takes a struct problem as its last argument and
 * fills it in if it fails; otherwise it leaves it alone. It does not log: its caller adds what it
 * knows, or logs the line. A function that fails only as one system call does leaves errno instead.
 */
#ifndef TCPACK_COMMON_PROBLEM_H
#define TCPACK_COMMON_PROBLEM_H

#include "common/compiler.h"

#include <stdbool.h>

enum { PROBLEM_SIZE = 512 }; /* bytes, with the NUL */

struct problem {
    char text[PROBLEM_SIZE];
};

/*
 * Sets the text as printf() would; one that is too long is cut. problem->text may be one of the
 * arguments. Returns false, for `return problem_set(problem, "cannot ...")`.
 */
bool problem_set(struct problem *problem, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
