/*
 * readiness.h: which descriptors are ready. The only part that calls select() for sockets. The
 * rest of the server states its interest in a descriptor and asks which descriptors are ready.
 *
 * select() examines every descriptor in its sets on each call: with ten thousand idle clients that
 * takes milliseconds. Connected sockets are therefore not in its sets. They queue a signal when
 * something arrives, or when there is room to write again (sigio.h); select() watches the signalfd,
 * the listeners, and a few others. Its cost does not grow with the number of clients. select()
 * watches every socket if the system has no F_SETSIG, or if TCPACKD_READINESS=plain is in the
 * environment.
 *
 * Nine rules keep a signal from being lost or acted on too late:
 *
 * - A socket queues no signal for what arrived before it was attached. It counts as ready when it
 *   is added, and when it is watched for reading again.
 * - A signal reports a change, not a state. A reader that may have left bytes unread calls
 *   readiness_again().
 * - Room to write is signalled only after a write that failed with EAGAIN. A socket counts as ready
 *   when it is watched for writing; after any other write, call readiness_write_again().
 * - Bytes and the end of the stream may both have arrived, and one recv() returns only one of them.
 *   READY_MORE then tells the caller to read until nothing is left.
 * - A read stops at urgent data, even if bytes follow it. A socket that ever received urgent data
 *   is always read until nothing is left.
 * - A full signal queue loses signals and reports that. The next waits ask select() about all
 *   sockets, some of them in each wait.
 * - The system reuses a descriptor's number after close(). A signal of the old socket makes the new
 *   one count as ready, and a read finds nothing.
 * - A ready descriptor stays ready until readiness_next() has returned it. Every wait takes the
 *   queued signals. Under load some waits skip select(), but never more than a few in a row.
 *   Neither signals nor what select() finds can starve the other.
 * - A signal lost for an unknown reason costs a bounded delay: readiness_look() asks select() about
 *   the signalled sockets, some of them on each call.
 */
#ifndef TCPACK_SERVER_READINESS_READINESS_H
#define TCPACK_SERVER_READINESS_READINESS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READY_READ = 1,
    READY_WRITE = 2,
    READY_MORE = 4, /* with READY_READ: one read may not be enough, read until nothing is left */
};

struct readiness;

/* Watches nothing at first. One per process. The caller frees it. NULL with errno. */
struct readiness *readiness_new(void) MUST_USE;

/* NULL is allowed. Closes no descriptor that the caller added. */
void readiness_free(struct readiness *readiness);

/* Whether sockets report by a signal. If not, select() watches every socket in each wait. */
bool readiness_uses_signals(const struct readiness *readiness) MUST_USE;

/* Adds a connected, non-blocking socket, watched for READY_READ. False with errno ENOMEM. */
bool readiness_add_socket(struct readiness *readiness, int fd) MUST_USE;

/*
 * Watches `fd` for `interest` from now on: READY_READ, READY_WRITE, both, or 0 (nothing). Adds an
 * unknown `fd`. Replaces the previous interest: what is no longer of interest is not returned, even
 * if the last wait found it ready. False with errno ENOMEM, never for a known `fd`.
 */
bool readiness_watch(struct readiness *readiness, int fd, unsigned interest) MUST_USE;

/* Call it before `fd` is closed. Any fd is allowed. */
void readiness_forget(struct readiness *readiness, int fd);

/*
 * Counts a known `fd` as ready to read in the next wait, which will not block. Call it whenever a
 * read took as many bytes as it had asked for: more may be left, and no new signal may come.
 */
void readiness_again(struct readiness *readiness, int fd);

/*
 * The same for writing. Call it whenever a write took some of the bytes or was interrupted: the
 * next one may take more, and a signal comes only after one that failed with EAGAIN.
 */
void readiness_write_again(struct readiness *readiness, int fd);

/*
 * Waits until a descriptor is ready, a signal arrives, or `timeout` microseconds have passed
 * (negative: no limit). Returns true even if nothing is ready. False with errno if select() failed
 * for another reason than a passing lack of memory.
 */
bool readiness_wait(struct readiness *readiness, int64_t timeout) MUST_USE;

/*
 * While sockets are held, they do not end a wait; those that are or become ready are returned after
 * that. For a server that cannot read from them now. Other descriptors are as before, if each wait
 * is followed by readiness_take() for every one of them.
 */
void readiness_hold(struct readiness *readiness, bool held);

/*
 * Returns the next ready descriptor and stores in *events what it is ready for; -1 after the last
 * one. The caller may stop early; the remaining descriptors come first in the next round.
 */
int readiness_next(struct readiness *readiness, unsigned *events);

/*
 * Asks select() about the signalled sockets among the next 1,024 descriptors, to find one that is
 * ready though no signal reported it. Call it now and then.
 */
void readiness_look(struct readiness *readiness);

/* Whether since the last call a wait or look found something, or a signal interrupted a wait. */
bool readiness_was_busy(struct readiness *readiness);

/* The number of calls of readiness_look() that cover all sockets. */
size_t readiness_looks(const struct readiness *readiness);

/* The most descriptors that readiness_next() may return in this round. */
size_t readiness_count(const struct readiness *readiness);

/* Whether `fd` is ready: readiness_next() will return it, in this round or a later one. */
bool readiness_has(const struct readiness *readiness, int fd);

/* Whether `fd` is ready. If so, readiness_next() will not return it. */
bool readiness_take(struct readiness *readiness, int fd);

#endif
