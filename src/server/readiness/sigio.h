/*
 * bell.h: sockets that ring when something arrives, so that nobody has to look at those that are
 * silent. Linux has it: a socket with O_ASYNC and F_SETSIG queues a real-time signal that bears its
 * descriptor (fcntl(2)), and a signalfd(2) is readable while one is queued. Used by readiness.c
 * alone, which waits for the bell with select() like for any other descriptor.
 *
 * A ring says that something has happened, not what is the case: who answers it must take all that
 * there is. It may be stale: meant for a socket that had the same number before.
 */
#ifndef TCPACK_SERVER_READINESS_SIGIO_H
#define TCPACK_SERVER_READINESS_SIGIO_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The one bell of the process: a descriptor that is readable when something rings; the caller
 * closes it. -1 with errno where the system has none (ENOSYS).
 */
int bell_open(void) MUST_USE;

/* Lets socket `fd`, which must be non-blocking, ring from now on until it is closed. False: errno.
 */
bool bell_attach(int fd) MUST_USE;

struct bell_ring {
    int fd;
    bool data_only; /* one event: bytes, or the peer's end */
    bool urgent;    /* urgent data is announced */
};

enum { BELL_RINGS_MAX = 256 };

/*
 * Takes rings out of the queue: at most BELL_RINGS_MAX, into `rings`, and returns how many; 0:
 * there is none. *lost is set to true, and else left alone, where some are missing, for the queue
 * was full (RLIMIT_SIGPENDING) or cannot be read: then every socket may have something.
 */
size_t bell_take(int bell, struct bell_ring *rings, bool *lost) MUST_USE;

#endif
