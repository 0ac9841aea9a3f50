/* arguments.h: tcpack's command line; tcpack(1) is its reference. */
#ifndef TCPACK_CLIENT_ARGUMENTS_H
#define TCPACK_CLIENT_ARGUMENTS_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arguments_switch { SWITCH_UNSET, SWITCH_ON, SWITCH_OFF };

/* Options not given are NULL, 0 or false unless stated otherwise. Strings point into argv. */
struct arguments {
    const char *config;    /* -c */
    const char *host;      /* -H */
    uint64_t port;         /* -p */
    int framing;           /* -f, enum framing; -1: not given */
    uint64_t window;       /* -w */
    uint64_t window_bytes; /* --window-bytes */
    int64_t timeout_us;    /* -t; -1: not given; 0: no limit */
    bool resend;           /* -r, --retries */
    uint64_t retries;      /* --retries; default: UINT64_MAX */
    uint64_t from;         /* --from; default: 1 */
    bool nul;              /* -0 */
    bool quiet;            /* -q */
    bool verbose;          /* -v */
    bool json;             /* --json */
    bool no_history;       /* --no-history */
    const char *id;        /* --id */
    uint64_t number;       /* --number; 0: not given */
    const char *position;  /* --position */
    enum arguments_switch progress;

    uint64_t load;     /* --load: messages */
    uint64_t clients;  /* --clients; default: 1 */
    uint64_t size;     /* --size: bytes; default: 100 */
    uint64_t rate;     /* --rate: messages per second; 0: no limit */
    bool is_load_only; /* an option was given that needs --load */
    bool is_no_load;   /* an option was given that cannot be combined with --load */

    bool show_help, show_version; /* -h, -V: print that and exit */

    char **words; /* MESSAGE */
    size_t words_count;
};

/*
 * Reads the command line into *arguments. False with the reason in `problem` if it is wrong.
 */
bool arguments_parse(int argc, char **argv, struct arguments *arguments,
                     struct problem *problem) MUST_USE;

/* What -h prints. */
extern const char arguments_help[];

#endif
