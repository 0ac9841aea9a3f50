/*
 * readiness.h: which descriptors are ready. The only part that calls select() for sockets; the rest
 * of the server says what it is interested in and asks which are ready, nothing more.
 *
 * select() looks at every descriptor that it is given, each time: with ten thousand idle clients
 * that takes milliseconds. So connected sockets are not given to it. They ring (bell.h), and
 * select() waits for the bell, the listeners, and the few that wait for room to write; its cost
 * does not grow with the number of clients. Where there is no bell, or TCPACKD_READINESS=plain is
 * in the environment, select() gets them all.
 *
 * Eight things keep a ring from being lost or heeded too late:
 *
 * - What came before a socket was made to ring does not ring: so it counts as ready when it is
 *   added, and when it is watched for reading again.
 * - A ring tells of a change, not of a state: so who reads and may have left something behind calls
 *   readiness_again().
 * - Bytes may have come and the end as well, and one recv() takes only either: where that may be
 * so, READY_MORE says that the socket is to be read until there is nothing.
 * - A read ends at urgent data, with more behind it: a socket that ever had some is always read
 *   until there is nothing.
 * - A full queue loses rings and says so: then all count as ready.
 * - A descriptor's number is used again after close(): a ring of its predecessor finds nothing.
 * - Whoever is ready stays so until readiness_next() has returned it; rings are taken in every
 *   wait, and under load select() is left out of some, but never of more than a few in a row: so
 *   neither rings nor what select() finds can starve the other.
 * - A notification that is lost for a reason unknown to us costs a bounded delay: readiness_look()
 *   asks select() about the watched sockets, a part of them at a time.
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
    READY_MORE = 4, /* beside READY_READ: one read may not tell all, read until there is nothing */
};

struct readiness;

/* Watches nothing yet. One per process. NULL with errno. */
struct readiness *readiness_new(void) MUST_USE;

void readiness_free(struct readiness *readiness);

/* Whether sockets ring; else each wait looks at all of them. */
bool readiness_rings(const struct readiness *readiness) MUST_USE;

/* Adds a connected, non-blocking socket, watched for READY_READ. False with errno ENOMEM. */
bool readiness_add_socket(struct readiness *readiness, int fd) MUST_USE;

/*
 * From now on, `fd` is watched for `interest`: READY_READ, READY_WRITE, both, or 0: for nothing.
 * Adds it where it is not known. Replaces what was said before; what is no longer of interest is
 * not returned any more, not even where the last wait found it ready. False with errno ENOMEM,
 * never for an fd that is known already.
 */
bool readiness_watch(struct readiness *readiness, int fd, unsigned interest) MUST_USE;

/* To be called before `fd` is closed. Any fd. */
void readiness_forget(struct readiness *readiness, int fd);

/*
 * Counts a known `fd` as ready to read in the next wait, which will not block. For one that has
 * more to do though nothing new may come: to be called whenever a read took all that it had asked
 * for.
 */
void readiness_again(struct readiness *readiness, int fd);

/*
 * Waits until a descriptor is ready, a signal came, or `timeout` microseconds are over (negative:
 * no limit). True, also when nothing is ready; false with errno when select() failed for good.
 */
bool readiness_wait(struct readiness *readiness, int64_t timeout) MUST_USE;

/*
 * The next descriptor that is ready, and for what; -1 after the last one. May be broken off: who is
 * left out comes first in the next round.
 */
int readiness_next(struct readiness *readiness, unsigned *events);

/*
 * Looks with select() at the sockets of the next 1,024 descriptors that are otherwise not given to
 * it: whether one is ready though no signal said so. To be called now and then.
 */
void readiness_look(struct readiness *readiness);

/* Whether a wait since the last call found something, or was interrupted by a signal. */
bool readiness_was_busy(struct readiness *readiness);

/* How many calls of readiness_look() see all sockets. */
size_t readiness_looks(const struct readiness *readiness);

/* Whether `fd` is ready; readiness_next() will return it, if not in this round, in a later one. */
bool readiness_has(const struct readiness *readiness, int fd);

/* Whether `fd` is ready; then readiness_next() will not return it. */
bool readiness_take(struct readiness *readiness, int fd);

#endif
