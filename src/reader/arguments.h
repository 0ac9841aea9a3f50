/* arguments.h: tcpack-journal's command line; tcpack-journal(1) is its reference. */
#ifndef TCPACK_READER_ARGUMENTS_H
#define TCPACK_READER_ARGUMENTS_H

#include "common/compiler.h"
#include "common/problem.h"
#include "common/template.h"
#include "reader/filter.h"

#include <stdbool.h>
#include <stddef.h>

/* What was not given is NULL or false. Texts are those of argv. */
struct arguments {
    const char *config;           /* -c */
    bool nul;                     /* -0 */
    bool follow;                  /* -f */
    bool once;                    /* --once */
    bool shipped;                 /* --shipped */
    bool json;                    /* --json */
    bool long_form;               /* --long */
    struct text_template *format; /* --format; the caller frees it */
    const char *id;               /* --id */
    const char *position;         /* --position */
    const char *resume;           /* --resume */
    const char *receipts;         /* --receipts */
    bool check;                   /* --check, --receipts */
    bool repair;                  /* --repair */
    struct filter filter;         /* --from, --to, --since, --until, --peer, --listener */

    bool show_help, show_version; /* -h, -V: do that and nothing else */

    char **files; /* FILE */
    size_t files_count;
};

/*
 * Reads the command line into *arguments. False with the problem. Either way the caller calls
 * arguments_free() later.
 */
bool arguments_parse(int argc, char **argv, struct arguments *arguments,
                     struct problem *problem) MUST_USE;

void arguments_free(struct arguments *arguments);

/* What -h prints. */
extern const char arguments_help[];

#endif
