#include "common/problem.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(struct problem *problem, const char *format, ...)
{
    struct problem set;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(set.text, sizeof set.text, format, args); /* a longer one is cut */
    va_end(args);
    *problem = set;
    return false;
}
