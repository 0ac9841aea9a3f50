/*
 * wait_set.h: a set of descriptors to wait for. Waits with pselect() until one is ready, a time is
 * reached or a signal (signals.h) arrives. tcpack waits nowhere else.
 */
#ifndef TCPACK_CLIENT_WAIT_SET_H
#define TCPACK_CLIENT_WAIT_SET_H

#include "common/compiler.h"
#include "common/descriptors.h"

#include <stdbool.h>
#include <stdint.h>

/* A zeroed struct watches nothing. The caller calls wait_set_free() later. */
struct wait_set {
    struct descriptor_set watch_read, watch_write; /* what to wait for */
    struct descriptor_set can_read, can_write;     /* result of the last wait */
    int count;                                     /* highest descriptor ever watched, plus 1 */
};

enum wait_result {
    WAIT_READY,  /* at least one descriptor is ready */
    WAIT_DUE,    /* the time is reached and no descriptor is ready */
    WAIT_SIGNAL, /* a signal arrived; no descriptor counts as ready */
    WAIT_FAILED, /* errno says why */
};

/* A time that is never reached. */
#define WAIT_FOREVER INT64_MAX

/*
 * Sets whether to wait for `fd` to be readable, writable, both or neither. Returns false with errno
 * ENOMEM.
 */
bool wait_set_watch(struct wait_set *wait_set, int fd, bool to_read, bool to_write) MUST_USE;

/* Stops watching `fd`, which need not be watched. Call it before closing `fd`. */
void wait_set_forget(struct wait_set *wait_set, int fd);

/* Waits until `due_us`, monotonic. If that time is past, only checks the descriptors. */
enum wait_result wait_set_wait(struct wait_set *wait_set, int64_t due_us) MUST_USE;

/* Whether the last wait found `fd` readable or writable. */
bool wait_set_can_read(const struct wait_set *wait_set, int fd);
bool wait_set_can_write(const struct wait_set *wait_set, int fd);

/* The lowest ready descriptor not below `from`; -1: none. */
int wait_set_next(const struct wait_set *wait_set, int from);

/* Waits for one descriptor, or with `fd` -1 for the time only, without a wait set. */
enum wait_result wait_for_one(int fd, bool to_read, bool to_write, int64_t due_us) MUST_USE;

void wait_set_free(struct wait_set *wait_set);

#endif
