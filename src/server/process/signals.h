/*
 * signals.h: a handler notes what a signal asks for and writes a byte to a pipe. select() watches
 * the pipe like any other descriptor, so no signal is lost between two rounds.
 *
 * The first SIGTERM or SIGINT asks the server to stop. Another one ends the process at once, unless
 * it comes within half a second: a terminal and a wrapper may both pass on the same key press.
 */
#ifndef TCPACK_SERVER_PROCESS_SIGNALS_H
#define TCPACK_SERVER_PROCESS_SIGNALS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum signal_request {
    SIGNAL_STOP = 1,   /* SIGTERM, SIGINT */
    SIGNAL_RELOAD = 2, /* SIGHUP */
    SIGNAL_REPORT = 4, /* SIGUSR1 */
};

/*
 * Blocks SIGHUP and SIGUSR1, which would end the process, until signals_open(): a signal during the
 * start takes effect after it. Call it first in main().
 */
void signals_hold(void);

/*
 * Installs the handlers. Returns a descriptor that is readable after a signal and stays open until
 * the process ends. -1 with errno. Once per process.
 */
int signals_open(void) MUST_USE;

/* The requests since the last call, a combination of enum signal_request; 0: none. */
unsigned signals_take(void);

/* Whether signals_take() would return a request. Makes no system call. */
bool signals_came(void);

/*
 * Waits until `fd` is writable or has failed. False: the server was told to stop (SIGTERM, SIGINT)
 * at least a fifth of a second ago, the time that the reader of a pipe has: give up. Leaves all
 * requests for signals_take().
 */
bool signals_wait_writable(int fd) MUST_USE;

/*
 * Waits until `fd` (-1: none) can be read or written, if that is asked for, or until `due`
 * (microseconds, monotonic; INT64_MAX: never), or less long. False: the server was told to stop.
 * Leaves all requests for signals_take().
 */
bool signals_wait(int fd, bool reading, bool writing, int64_t due) MUST_USE;

/* Whether the server was told to stop, also if signals_take() has returned that. */
bool signals_stop_asked(void);

#endif
