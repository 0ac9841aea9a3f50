/* arguments.h: tcpack's command line; tcpack(1) is its reference. */
#ifndef TCPACK_CLIENT_ARGUMENTS_H
#define TCPACK_CLIENT_ARGUMENTS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arguments_switch { SWITCH_UNSET, SWITCH_ON, SWITCH_OFF };

/* What was not given is NULL, 0 or false, or as said. Texts are those of argv. */
struct arguments {
    const char *config;   /* -c */
    const char *host;     /* -H */
    uint64_t port;        /* -p */
    int framing;          /* -f, enum framing; -1 where not given */
    uint64_t window;      /* -w */
    int64_t timeout_us;   /* -t; -1 where not given; 0: for ever */
    bool resend;          /* -r, --retries */
    uint64_t retries;     /* --retries; UINT64_MAX where not given */
    uint64_t from;        /* --from; 1 where not given */
    bool nul;             /* -0 */
    bool quiet;           /* -q */
    bool verbose;         /* -v */
    bool json;            /* --json */
    bool no_history;      /* --no-history */
    const char *id;       /* --id */
    uint64_t number;      /* --number */
    const char *position; /* --position */
    enum arguments_switch progress;

    uint64_t load;     /* --load: messages */
    uint64_t clients;  /* --clients; 1 where not given */
    uint64_t size;     /* --size: bytes; 100 where not given */
    uint64_t rate;     /* --rate: messages a second; 0: as fast as it goes */
    bool is_load_only; /* one of the last three was given */
    bool is_no_load;   /* one was given that has no meaning with --load */

    bool show_help, show_version; /* -h, -V: do that and nothing else */

    char **words; /* MESSAGE */
    size_t words_count;
};

enum { ARGUMENTS_PROBLEM_SIZE = 256 };

/*
 * Reads the command line into *arguments. False: `problem`, ARGUMENTS_PROBLEM_SIZE bytes, says what
 * is wrong with it.
 */
bool arguments_parse(int argc, char **argv, struct arguments *arguments, char *problem) MUST_USE;

/* What -h prints. */
extern const char arguments_help[];

#endif
