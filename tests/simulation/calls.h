/*
 * calls.h: what each simulated call begins with: it takes time, events of the history happen before
 * it, and it may be made to fail.
 */
#ifndef TCPACK_SIMULATION_CALLS_H
#define TCPACK_SIMULATION_CALLS_H

#include "chance.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum call {
    CALL_ACCEPT,
    CALL_BIND,
    CALL_CLOSE,
    CALL_CONNECT,
    CALL_FCNTL,
    CALL_FDATASYNC,
    CALL_FSTAT,
    CALL_FSYNC,
    CALL_FTRUNCATE,
    CALL_GETSOCKNAME,
    CALL_IOCTL,
    CALL_LISTEN,
    CALL_LOCK,
    CALL_LSEEK,
    CALL_MALLOC,
    CALL_OPEN,
    CALL_PIPE,
    CALL_PREAD,
    CALL_READ,
    CALL_RECV,
    CALL_RENAME,
    CALL_SELECT,
    CALL_SEND,
    CALL_SETSOCKOPT,
    CALL_SIGNALFD,
    CALL_SOCKET,
    CALL_STAT,
    CALL_UNLINK,
    CALL_WRITE,
    CALL_OTHER, /* never made to fail */
};

/*
 * A call that will fail, or take only some of its bytes: after `skip` successful ones `count`
 * times.
 */
struct fault {
    enum call call;
    int error; /* errno; 0: a short count */
    unsigned skip;
    unsigned count;
};

/* For what the kernel leaves to chance: how many bytes, which sectors. */
extern struct chance calls_chance;

void calls_begin(uint64_t seed);

/* Chooses a fault that the call's manual page allows. */
struct fault calls_choose_fault(struct chance *chance);
const char *calls_name(enum call call);

/* From now on; and none any more. */
void calls_add_fault(const struct fault *fault);
void calls_clear_faults(void);

/* The beginning of each simulated call. True: it fails, with errno. */
bool calls_fail(enum call call) MUST_USE;

/* How many of `size` bytes the call that began takes: all, or fewer where that is its fault. */
size_t calls_limit(size_t size);

/* malloc()'s: no event happens there, and it takes no time. */
bool calls_lack_memory(void) MUST_USE;

#endif
