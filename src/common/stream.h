/*
 * stream.h: writing to a pipe, a terminal or a socket that other programs share, without waiting
 * for its reader. O_NONBLOCK belongs to the open file description, which the shell and the programs
 * beside us share, and is never set on it (open(2), fcntl(2)).
 */
#ifndef TCPACK_COMMON_STREAM_H
#define TCPACK_COMMON_STREAM_H

#include "common/compiler.h"

#include <stddef.h>
#include <sys/types.h>

enum stream_kind {
    STREAM_PLAIN,   /* write() as it is: a file, a device, or what is non-blocking already */
    STREAM_OWN,     /* write() to a non-blocking description of our own */
    STREAM_SOCKET,  /* send() with MSG_DONTWAIT */
    STREAM_GUARDED, /* write() of a little, once select() says that there is room */
};

/* A zeroed struct is closed. */
struct stream {
    int fd; /* the descriptor that was given, borrowed; STREAM_OWN: ours */
    enum stream_kind kind;
};

/* Prepares writing to `fd`, which stays the caller's. Cannot fail: at worst, less is certain. */
void stream_open(struct stream *stream, int fd);

/*
 * Like write() to a non-blocking descriptor: how many bytes were taken, maybe fewer than all; or -1
 * with errno, EAGAIN if there is no room now. With STREAM_GUARDED only, it can wait after all: if
 * another writer takes the room first, or a terminal has less room than what is written.
 */
ssize_t stream_write(const struct stream *stream, const void *bytes, size_t size) MUST_USE;

/* The descriptor that select() must watch for room. */
int stream_descriptor(const struct stream *stream) MUST_USE;

/* Closes what stream_open() opened. */
void stream_close(struct stream *stream);

#endif
