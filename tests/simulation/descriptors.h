/*
 * descriptors.h: the descriptor table of the simulated process.
 */
#ifndef TCPACK_SIMULATION_DESCRIPTORS_H
#define TCPACK_SIMULATION_DESCRIPTORS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum descriptor_kind {
    DESCRIPTOR_FREE,
    DESCRIPTOR_NULL,       /* /dev/null */
    DESCRIPTOR_LOG,        /* standard error */
    DESCRIPTOR_FILE,       /* object: an inode */
    DESCRIPTOR_TEXT,       /* object: 0; what the kernel calls this start of the machine */
    DESCRIPTOR_FOLDER,     /* object: which of them is in `path` */
    DESCRIPTOR_SOCKET,     /* neither listening nor connected; object: a listener's */
    DESCRIPTOR_LISTENER,   /* object: network.h */
    DESCRIPTOR_CONNECTION, /* object: a peer of network.h */
    DESCRIPTOR_DATAGRAM,
    DESCRIPTOR_PIPE_READ,  /* object: bytes in the pipe are at this one */
    DESCRIPTOR_PIPE_WRITE, /* object: the reading descriptor */
    DESCRIPTOR_SIGNALS,    /* a signalfd */
    DESCRIPTOR_INPUT,      /* standard input and output: standard.h */
    DESCRIPTOR_OUTPUT,
};

enum { DESCRIPTORS_MAX = 128 };

struct descriptor {
    enum descriptor_kind kind;
    int object;
    int flags;      /* F_GETFL */
    size_t offset;  /* of a file */
    size_t pending; /* bytes in a pipe */
    const char *path;
    int owner;  /* F_SETOWN */
    int signal; /* F_SETSIG */
};

extern struct descriptor descriptors[DESCRIPTORS_MAX];

/* Those of a process that starts: standard input, output and error. `limit`: RLIMIT_NOFILE. */
void descriptors_begin(int limit);
int descriptors_limit(void);

/* The lowest free one, or -1 with errno EMFILE. */
int descriptors_add(enum descriptor_kind kind, int object, int flags) MUST_USE;

/* The descriptor; NULL with errno EBADF. */
struct descriptor *descriptors_get(int fd) MUST_USE;

/* Standard error is a pipe that nobody empties, or that has room. */
void descriptors_fill_log(bool full);
bool descriptors_log_is_full(void);

/* select() found it writable, and nothing was written since: nobody else writes to it meanwhile. */
void descriptors_promise_log(bool promised);
bool descriptors_log_is_promised(void);

/* How many there are of a kind. */
size_t descriptors_count(enum descriptor_kind kind);

#endif
