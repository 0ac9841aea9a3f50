#include "statics.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DATA_MAX = 4 * 1024 * 1024 }; /* sanitizers have much of their own there */

static char saved[DATA_MAX];

/* Also what a sanitizer keeps between variables: hence no memcpy(), which it would watch. */
__attribute__((no_sanitize("address"))) static void copy(char *to, const char *from, size_t size)
{
    for (size_t at = 0; at < size; at++)
        to[at] = from == NULL ? 0 : from[at];
}

static size_t size_between(const char *begin, const char *end)
{
    uintptr_t from = (uintptr_t)begin;
    uintptr_t to = (uintptr_t)end;

    if (from >= to || to - from > DATA_MAX) {
        (void)fprintf(stderr, "simulate: the linker did not keep the objects' order: cannot tell "
                              "the server's static variables (statics.h)\n");
        exit(EXIT_FAILURE);
    }
    return to - from;
}

void statics_save(void)
{
    copy(saved, statics_data_begin, size_between(statics_data_begin, statics_data_end));
    (void)size_between(statics_bss_begin, statics_bss_end);
}

void statics_restore(void)
{
    copy(statics_data_begin, saved, size_between(statics_data_begin, statics_data_end));
    copy(statics_bss_begin, NULL, size_between(statics_bss_begin, statics_bss_end));
}
