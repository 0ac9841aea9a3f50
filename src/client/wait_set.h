/*
 * wait_set.h: waits, with pselect(), until a descriptor is ready, a time has come or a signal
 * (signals.h) arrives. The only place where tcpack waits for anything.
 */
#ifndef TCPACK_CLIENT_WAIT_SET_H
#define TCPACK_CLIENT_WAIT_SET_H

#include "common/compiler.h"
#include "common/descriptors.h"

#include <stdbool.h>
#include <stdint.h>

/* A zeroed struct watches nothing. Its owner calls wait_set_free(). */
struct wait_set {
    struct descriptor_set watch_read, watch_write; /* what to wait for */
    struct descriptor_set can_read, can_write;     /* what the last wait found */
    int count;                                     /* the highest descriptor ever watched, plus 1 */
};

enum wait_result {
    WAIT_READY,  /* at least one descriptor */
    WAIT_DUE,    /* none, and the time has come */
    WAIT_SIGNAL, /* a signal came first; no descriptor counts as ready */
    WAIT_FAILED, /* errno says why */
};

/* No time at which to stop wait_set. */
#define WAIT_FOREVER INT64_MAX

/* From now on waits for `fd` to be readable, writable, both or neither. False, ENOMEM. */
bool wait_set_watch(struct wait_set *wait_set, int fd, bool to_read, bool to_write) MUST_USE;

/* Stops watching `fd`: before it is closed, or for a while. Any number. */
void wait_set_forget(struct wait_set *wait_set, int fd);

/* Waits until `due_us`, monotonic; a time that is past, and it looks without wait_set. */
enum wait_result wait_set_wait(struct wait_set *wait_set, int64_t due_us) MUST_USE;

/* What the last wait said of `fd`. */
bool wait_set_can_read(const struct wait_set *wait_set, int fd);
bool wait_set_can_write(const struct wait_set *wait_set, int fd);

/* The lowest ready descriptor that is at least `from`; -1: none. */
int wait_set_next(const struct wait_set *wait_set, int from);

/* Waits for one descriptor only, with sets of its own. */
enum wait_result wait_for_one(int fd, bool to_read, bool to_write, int64_t due_us) MUST_USE;

void wait_set_free(struct wait_set *wait_set);

#endif
