/*
 * sigio.h: connected sockets that report by a signal, so that select() need not watch idle ones.
 * Linux only: a socket with O_ASYNC and F_SETSIG queues a real-time signal that carries its
 * descriptor (fcntl(2)), and a signalfd(2) is readable while one is queued. Only readiness.c uses
 * this part; it watches the signalfd with select() like any other descriptor.
 *
 * A signal reports a change, not a state: the reader must take everything that is there. A signal
 * can be stale: meant for an earlier socket with the same descriptor number.
 */
#ifndef TCPACK_SERVER_READINESS_SIGIO_H
#define TCPACK_SERVER_READINESS_SIGIO_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Opens the signalfd, which is readable while an event is queued, and blocks its signals in this
 * process. One per process; the caller closes it. Returns -1 with errno on failure; ENOSYS: this
 * system has no F_SETSIG.
 */
int sigio_open(void) MUST_USE;

/*
 * Makes the non-blocking socket `fd` queue a signal for each event until it is closed. sigio_open()
 * must have succeeded before. False with errno.
 */
bool sigio_attach(int fd) MUST_USE;

struct sigio_event {
    int fd;
    bool data_only; /* one thing has arrived: bytes, or the end of the stream */
    bool urgent;    /* urgent data is announced */
    bool room_only; /* there is room to write; nothing has arrived */
};

enum { SIGIO_EVENTS_MAX = 256 }; /* events of one sigio_take() */

/*
 * Takes at most SIGIO_EVENTS_MAX queued events into `events` and returns their number; 0: none is
 * queued. Never blocks. `signals` is the descriptor that sigio_open() returned. Sets *lost to true
 * if events are missing, because the queue was full (RLIMIT_SIGPENDING) or cannot be read: then
 * every attached socket may be ready. Leaves *lost alone otherwise.
 */
size_t sigio_take(int signals, struct sigio_event *events, bool *lost) MUST_USE;

#endif
