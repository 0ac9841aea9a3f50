/*
 * stream.h: writing to a pipe, a terminal or a socket that other programs share, without waiting
 * for its reader. O_NONBLOCK would apply to the open file description, which other programs and the
 * shell share, so it is never set (open(2), fcntl(2)).
 */
#ifndef TCPACK_COMMON_STREAM_H
#define TCPACK_COMMON_STREAM_H

#include "common/compiler.h"

#include <stddef.h>
#include <sys/types.h>

enum stream_kind {
    STREAM_PLAIN,   /* plain write(): a file, a device, or a descriptor that is non-blocking */
    STREAM_OWN,     /* write() to a non-blocking description of our own */
    STREAM_SOCKET,  /* send() with MSG_DONTWAIT */
    STREAM_GUARDED, /* short write()s, each after select() reported room */
};

/* A zeroed struct is closed. */
struct stream {
    int fd; /* STREAM_OWN: ours; otherwise the caller's */
    enum stream_kind kind;
};

/* Prepares writing to `fd`, which stays the caller's. Cannot fail: at worst it is STREAM_GUARDED.
 */
void stream_open(struct stream *stream, int fd);

/*
 * Like write() to a non-blocking descriptor: returns the number of bytes written, perhaps fewer
 * than all; or -1 with errno, EAGAIN if there is no room now. Only with STREAM_GUARDED can it still
 * wait: if another writer takes the room first.
 */
ssize_t stream_write(const struct stream *stream, const void *bytes, size_t size) MUST_USE;

/* The descriptor for select() to watch for room. */
int stream_descriptor(const struct stream *stream) MUST_USE;

/* Closes the descriptor that stream_open() opened, if any. */
void stream_close(struct stream *stream);

#endif
