/*
 * signals.h: what signals ask for is noted, and a byte in a pipe ends the wait, so that select()
 * waits for them beside everything else and none is lost between two rounds. SIGPIPE and SIGXFSZ
 * are ignored: the calls return EPIPE and EFBIG.
 *
 * The first SIGTERM or SIGINT asks the server to stop; another one ends the process at once, unless
 * it follows within half a second: a terminal and a wrapper both pass on the same key press.
 */
#ifndef TCPACK_SERVER_PROCESS_SIGNALS_H
#define TCPACK_SERVER_PROCESS_SIGNALS_H

#include "common/compiler.h"

#include <stdbool.h>

enum signal_request {
    SIGNAL_STOP = 1,   /* SIGTERM, SIGINT */
    SIGNAL_RELOAD = 2, /* SIGHUP */
    SIGNAL_REPORT = 4, /* SIGUSR1 */
};

/*
 * Holds SIGHUP and SIGUSR1 back, which would end the process, until signals_open(): what comes
 * during the start is obeyed after it. The first thing that the process does.
 */
void signals_hold(void);

/*
 * Installs the handlers. Returns the descriptor that is readable when a signal has come, open until
 * the process ends; -1 with errno when that failed. Once per process.
 */
int signals_open(void) MUST_USE;

/* Which of enum signal_request came since the last call, or'ed; 0: none. */
unsigned signals_take(void);

/* Whether signals_take() would return more than 0; no system call. */
bool signals_came(void);

/*
 * Waits until `fd` takes bytes or has failed. False: SIGTERM or SIGINT has come, now or before, and
 * the fifth of a second that a reader then has is over: the caller gives up. Other signals are left
 * for signals_take().
 */
bool signals_wait_writable(int fd) MUST_USE;

#endif
