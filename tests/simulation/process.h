/*
 * process.h: the server as a process of the simulated machine: it is started, and ends by returning
 * from main, by exit(), by a signal, or with the machine. Its memory, its descriptors and its
 * static variables begin anew with each start; what is on the disk stays.
 */
#ifndef TCPACK_SIMULATION_PROCESS_H
#define TCPACK_SIMULATION_PROCESS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum process_end {
    PROCESS_EXITED,    /* with process.status */
    PROCESS_KILLED,    /* by a signal; or the machine lost its power */
    PROCESS_VIOLATION, /* an invariant does not hold: process_violation() */
};

struct process {
    bool running;
    bool ready;         /* it has waited in select() since it started */
    unsigned number;    /* 1 for the first one of a history, and so on */
    int status;         /* exit status */
    bool was_asked;     /* TERM or INT came, */
    int64_t asked_at;   /* first at this time */
    bool in_stdio;      /* within a call of libc's stdio, which cannot be left */
    unsigned faults;    /* calls that were made to fail, */
    unsigned harmless;  /* of which so many must not change what the server does */
    bool sync_failed;   /* of the journal; the last commit is not on the disk */
    bool lock_failed;   /* a lock that it asked for was not given */
    bool fault_ends_it; /* one of them may end the server */
};

extern struct process process;

enum { PROCESS_ARGUMENTS = 20 };

/* How it is started: set by whoever makes a history. */
struct process_start {
    const char *arguments[PROCESS_ARGUMENTS]; /* of main(), NULL after the last */
    int descriptors;                          /* RLIMIT_NOFILE */
    size_t queued_signals;                    /* RLIMIT_SIGPENDING */
    bool plain;                               /* TCPACKD_READINESS=plain */
    bool has_output;                          /* standard output is the file `output`, */
    bool piped;                               /* or a pipe to a program that writes to it */
    int output;                               /* its inode */
    bool streams; /* standard input and output are those of standard.h, not /dev/null */
};

extern struct process_start process_start;

/* Remembers the static variables as they are before the first start. Once. */
void process_prepare(void);

/* Runs the server's main() until it ends. */
enum process_end process_run(void);

/* Ends the running process: it does not return. */
NORETURN void process_kill(void);

/* Ends the history: an invariant does not hold. Callable while no process runs, too. */
NORETURN void process_violation(const char *format, ...) PRINTF_LIKE(1, 2);

/* Runs `check` beside any process; false where it found a violation. */
bool process_guard(void (*check)(void));

/* What the violation was; "": there was none since it was forgotten. */
const char *process_problem(void);
void process_forget_problem(void);

#endif
