/*
 * waiting.h: waits, with pselect(), until a descriptor is ready, a time has come or a signal
 * (signals.h) arrives. The only place where tcpack waits for anything.
 */
#ifndef TCPACK_CLIENT_WAIT_SET_H
#define TCPACK_CLIENT_WAIT_SET_H

#include "common/compiler.h"
#include "common/descriptors.h"

#include <stdbool.h>
#include <stdint.h>

/* A zeroed struct watches nothing. Its owner calls waiting_free(). */
struct waiting {
    struct descriptor_set watch_read, watch_write; /* what to wait for */
    struct descriptor_set can_read, can_write;     /* what the last wait found */
    int count;                                     /* the highest descriptor ever watched, plus 1 */
};

enum waiting_result {
    WAITING_READY,  /* at least one descriptor */
    WAITING_DUE,    /* none, and the time has come */
    WAITING_SIGNAL, /* a signal came first; no descriptor counts as ready */
    WAITING_FAILED, /* errno says why */
};

/* No time at which to stop waiting. */
#define WAITING_FOREVER INT64_MAX

/* From now on waits for `fd` to be readable, writable, both or neither. False, ENOMEM. */
bool waiting_watch(struct waiting *waiting, int fd, bool to_read, bool to_write) MUST_USE;

/* Stops watching `fd`: before it is closed, or for a while. Any number. */
void waiting_forget(struct waiting *waiting, int fd);

/* Waits until `due_us`, monotonic; a time that is past, and it looks without waiting. */
enum waiting_result waiting_wait(struct waiting *waiting, int64_t due_us) MUST_USE;

/* What the last wait said of `fd`. */
bool waiting_can_read(const struct waiting *waiting, int fd);
bool waiting_can_write(const struct waiting *waiting, int fd);

/* The lowest ready descriptor that is at least `from`; -1: none. */
int waiting_next(const struct waiting *waiting, int from);

/* Waits for one descriptor only, with sets of its own. */
enum waiting_result waiting_for_one(int fd, bool to_read, bool to_write, int64_t due_us) MUST_USE;

void waiting_free(struct waiting *waiting);

#endif
