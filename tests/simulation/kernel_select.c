/* select(): where the process waits, and where the rest of the simulated world has its time. */
#include "calls.h"
#include "descriptors.h"
#include "history.h"
#include "network.h"
#include "process.h"
#include "signals_simulated.h"
#include "standard.h"
#include "trace.h"
#include "virtual_time.h"
#include "wrap.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

enum { WORDS = DESCRIPTORS_MAX / 64 };

struct wanted {
    uint64_t words[WORDS];
};

static bool is_readable(const struct descriptor *of)
{
    switch (of->kind) {
    case DESCRIPTOR_LISTENER:
        return network_listener_is_readable(of->object);
    case DESCRIPTOR_CONNECTION:
        return network_is_readable(&network_peers[of->object]);
    case DESCRIPTOR_PIPE_READ:
        return of->pending > 0;
    case DESCRIPTOR_SIGNALS:
        return signals_are_queued();
    case DESCRIPTOR_INPUT:
        return standard_is_readable();
    case DESCRIPTOR_FREE:
    case DESCRIPTOR_NULL:
    case DESCRIPTOR_LOG:
    case DESCRIPTOR_FILE:
    case DESCRIPTOR_TEXT:
    case DESCRIPTOR_FOLDER:
    case DESCRIPTOR_SOCKET:
    case DESCRIPTOR_DATAGRAM:
    case DESCRIPTOR_PIPE_WRITE:
    case DESCRIPTOR_OUTPUT:
        break;
    }
    return true;
}

static bool is_writable(const struct descriptor *of)
{
    if (of->kind == DESCRIPTOR_LOG) {
        descriptors_promise_log(!descriptors_log_is_full());
        return !descriptors_log_is_full();
    }
    if (of->kind == DESCRIPTOR_OUTPUT)
        return standard_is_writable();
    return of->kind != DESCRIPTOR_CONNECTION || network_is_writable(&network_peers[of->object]);
}

/* The descriptors below `beyond` of a set, which may be NULL. */
static struct wanted copy_set(const fd_set *set, int beyond)
{
    struct wanted wanted = {{0}};
    size_t bytes = ((size_t)beyond + 63) / 64 * 8;

    if (set != NULL)
        memcpy(wanted.words, set, bytes < sizeof wanted.words ? bytes : sizeof wanted.words);
    if (beyond % 64 != 0)
        wanted.words[beyond / 64] &= ((uint64_t)1 << (beyond % 64)) - 1;
    return wanted;
}

/* Writes the ready ones of a set back, and returns how many there are; -1: one is not open. */
static int find_ready(const struct wanted *wanted, bool (*is_ready)(const struct descriptor *),
                      struct wanted *ready)
{
    int count = 0;

    *ready = (struct wanted){{0}};
    for (size_t word = 0; word < WORDS; word++) {
        for (uint64_t left = wanted->words[word]; left != 0; left &= left - 1) {
            size_t fd = word * 64 + (size_t)__builtin_ctzll(left);
            if (descriptors[fd].kind == DESCRIPTOR_FREE)
                return -1;
            if (!is_ready(&descriptors[fd]))
                continue;
            ready->words[word] |= left & -left;
            count++;
        }
    }
    return count;
}

/* Whether a listener is in the set: then the server has started. */
static bool waits_for_peers(const fd_set *reading, int beyond)
{
    const struct wanted wanted = copy_set(reading, beyond);

    for (int fd = 0; fd < beyond; fd++)
        if ((wanted.words[fd / 64] >> (fd % 64) & 1) != 0 &&
            descriptors[fd].kind == DESCRIPTOR_LISTENER)
            return true;
    return false;
}

static void put_set(fd_set *set, const struct wanted *ready, int beyond)
{
    size_t bytes = ((size_t)beyond + 63) / 64 * 8;

    if (set != NULL)
        memcpy(set, ready->words, bytes < sizeof ready->words ? bytes : sizeof ready->words);
}

/* Lets time go on until something happens; false: `until` has come first. */
static bool wait_until(int64_t until)
{
    int64_t next = history_due();

    if (network_due() < next)
        next = network_due();
    if (next == INT64_MAX && until == INT64_MAX)
        process_violation("it waits for ever, and nothing is left that could happen");
    if (until < next) {
        virtual_time_pass(until > virtual_now() ? until - virtual_now() : 0);
        return false;
    }
    virtual_time_pass(next > virtual_now() ? next - virtual_now() : 0);
    network_arrive();
    history_wait();
    return true;
}

static int wait_for(int beyond, fd_set *reading, fd_set *writing, int64_t until,
                    const sigset_t *set)
{
    const struct wanted read_wanted = copy_set(reading, beyond);
    const struct wanted write_wanted = copy_set(writing, beyond);
    struct wanted read_ready, write_ready;

    for (;;) {
        if (signals_interrupted()) {
            errno = EINTR;
            return -1;
        }
        int readable = find_ready(&read_wanted, is_readable, &read_ready);
        int writable = find_ready(&write_wanted, is_writable, &write_ready);
        if (readable < 0 || writable < 0) {
            errno = EBADF;
            return -1;
        }
        /* Linux lets pselect()'s signals in only when it has nothing to return. */
        if (readable + writable == 0 && set != NULL && signals_enter(set)) {
            errno = EINTR;
            return -1;
        }
        if (readable + writable > 0 || until <= virtual_now() || !wait_until(until)) {
            put_set(reading, &read_ready, beyond);
            put_set(writing, &write_ready, beyond);
            return readable + writable;
        }
    }
}

/* `limit`: microseconds; -1: none. `set`: pselect()'s, or NULL. */
static int wait_some_time(int beyond, fd_set *reading, fd_set *writing, int64_t limit,
                          const sigset_t *set)
{
    int64_t until = INT64_MAX;

    if (beyond > DESCRIPTORS_MAX)
        process_violation("select() looks at descriptor %d, which cannot be", beyond - 1);
    (void)signals_interrupted(); /* those of before */
    network_arrive();
    if (calls_fail(CALL_SELECT))
        return -1;
    if (process.ready || waits_for_peers(reading, beyond)) {
        process.ready = true;
        history_ready();
    }
    if (limit >= 0)
        until = virtual_now() + limit;
    int found = wait_for(beyond, reading, writing, until, set);
    trace_call("select", beyond, limit < 0 ? -1 : until, found);
    return found;
}

WRAP(int, select, int beyond, fd_set *reading, fd_set *writing, fd_set *failing,
     struct timeval *timeout)
{
    (void)failing; /* neither program has a use for it */
    return wait_some_time(
        beyond, reading, writing,
        timeout == NULL ? -1 : (int64_t)timeout->tv_sec * 1000000 + timeout->tv_usec, NULL);
}

WRAP(int, pselect, int beyond, fd_set *reading, fd_set *writing, fd_set *failing,
     const struct timespec *timeout, const sigset_t *set)
{
    (void)failing;
    return wait_some_time(
        beyond, reading, writing,
        timeout == NULL ? -1 : (int64_t)timeout->tv_sec * 1000000 + timeout->tv_nsec / 1000, set);
}
