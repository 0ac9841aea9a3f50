/*
 * signals_simulated.h: signals of the simulated process: handlers, the blocked set, what is
 * pending, and the queue of real-time signals that sockets send.
 */
#ifndef TCPACK_SIMULATION_SIGNALS_SIMULATED_H
#define TCPACK_SIMULATION_SIGNALS_SIMULATED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* For a process that starts. `queue`: RLIMIT_SIGPENDING. */
void signals_begin(size_t queue);

/* Somebody sends the process a signal: it is delivered at once, or when it is unblocked. */
void signals_send(int number);

/* A socket sends its signal: fcntl(2), O_ASYNC. */
void signals_from_socket(int number, int fd, int code);

/* Whether a signal interrupted the call since this was last asked. */
bool signals_interrupted(void);

/* pselect() has to wait: signals outside `set` are delivered. Returns whether there was one. */
bool signals_enter(const sigset_t *set);

/* Whether a signalfd would be readable. */
bool signals_are_queued(void);

/* read() from a signalfd: bytes, 0 where there is none. */
size_t signals_take_queued(void *bytes, size_t size);

#endif
