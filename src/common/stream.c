#include "common/stream.h"

#include "common/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_PATH_SIZE = 32 };

/* Opens the same pipe or terminal again. -1 if there is no /proc, or it is not allowed. */
static int open_again(int fd)
{
    char path[FD_PATH_SIZE];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void stream_open(struct stream *stream, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat status;

    *stream = (struct stream){.fd = fd, .kind = STREAM_PLAIN};
    if (flags < 0 || (flags & O_NONBLOCK) != 0)
        return;
    if (fstat(fd, &status) != 0) {
        stream->kind = STREAM_GUARDED; /* it may be one that keeps a write() waiting */
    } else if (S_ISSOCK(status.st_mode)) {
        stream->kind = STREAM_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
        int own = open_again(fd);
        stream->kind = own >= 0 ? STREAM_OWN : STREAM_GUARDED;
        stream->fd = own >= 0 ? own : fd;
    }
}

int stream_descriptor(const struct stream *stream)
{
    return stream->fd;
}

/* Without memory to ask, there is none: a write() could wait for ever. */
static bool has_room(int fd)
{
    struct descriptor_set set = {0};
    struct timeval now = {0};
    bool room = false;

    if (descriptor_set_grow(&set, fd)) {
        descriptor_set_add(&set, fd);
        room = select(fd + 1, NULL, descriptor_set_for_select(&set), NULL, &now) > 0;
    }
    descriptor_set_free(&set);
    return room;
}

/* A writable pipe has room for PIPE_BUF bytes (pipe(7)), a terminal perhaps for one. */
static ssize_t write_guarded(int fd, const void *bytes, size_t size)
{
    const size_t most = isatty(fd) ? 1 : PIPE_BUF;
    const char *at = bytes;
    size_t left = size;
    ssize_t written = 1;

    while (left > 0 && written > 0 && has_room(fd)) {
        written = write(fd, at, left < most ? left : most);
        at += written > 0 ? written : 0;
        left -= written > 0 ? (size_t)written : 0;
    }
    if (left < size || written <= 0)
        return left < size ? (ssize_t)(size - left) : written;
    errno = EAGAIN;
    return -1;
}

ssize_t stream_write(const struct stream *stream, const void *bytes, size_t size)
{
    switch (stream->kind) {
    case STREAM_SOCKET:
        return send(stream->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case STREAM_GUARDED:
        return write_guarded(stream->fd, bytes, size);
    case STREAM_PLAIN:
    case STREAM_OWN:
        break;
    }
    return write(stream->fd, bytes, size);
}

void stream_close(struct stream *stream)
{
    if (stream->kind == STREAM_OWN)
        (void)close(stream->fd); /* the pipe has all that was written */
    *stream = (struct stream){0};
}
