/*
 * gathering.h: when the next commit of a database begins. A client that waits for its reply sends
 * again soon after it has it, so a batch meets those that the last one answered: they are the next
 * batch, or part of it. Committing at once what little came meanwhile costs a whole wait for the
 * disk. Pure.
 *
 * So the next commit begins when half of the clients have sent, which is at once if the others sent
 * while the last one was under way. If the clients come back much faster than a commit takes, it
 * begins when all of them have: one commit for all instead of two for half of them each.
 */
#ifndef TCPACK_SERVER_ROUND_GATHERING_H
#define TCPACK_SERVER_ROUND_GATHERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed one waits for nothing. Times are microseconds, monotonic. */
struct gathering {
    int64_t ended;      /* when the last commit ended */
    int64_t took;       /* how long it took */
    size_t answered;    /* connections that it answered */
    size_t before;      /* connections that were waiting for the next one then */
    size_t wanted;      /* connections that are enough for a commit */
    int64_t returns_ns; /* how long the return of a connection took lately, on average */
    bool returning;     /* the answered ones have not all returned */
};

/*
 * A commit has ended at `now` that took `took`. It answers `answered` connections; `waiting` others
 * have messages for the next one.
 */
void gathering_begin(struct gathering *gathering, int64_t now, int64_t took, size_t answered,
                     size_t waiting);

/* To be called when there are more connections waiting. */
void gathering_note(struct gathering *gathering, int64_t now, size_t waiting);

/* Whether the next commit waits for more than the `waiting` connections. */
bool gathering_goes_on(const struct gathering *gathering, int64_t now, size_t waiting);

/* Whether `waiting` connections are enough for it: then the others wait for the one after it. */
bool gathering_is_full(const struct gathering *gathering, int64_t now, size_t waiting);

/* When it does not wait any longer. */
int64_t gathering_due(const struct gathering *gathering);

/* The next commit begins, for the `waiting` connections. */
void gathering_end(struct gathering *gathering, int64_t now, size_t waiting);

#endif
