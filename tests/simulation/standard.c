#include "standard.h"

#include "disk.h"
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

struct standard standard;

void standard_begin(void)
{
    standard.planned = standard.available = standard.taken = standard.written = 0;
    standard.ended = standard.stopped = standard.promised = false;
}

void standard_stop_output(size_t room)
{
    /* A pipe that select() found writable stays so until it is written to. */
    if (!standard.stopped)
        standard.room = standard.promised && room < PIPE_BUF ? PIPE_BUF : room;
    standard.stopped = true;
}

void standard_read_output(void)
{
    standard.stopped = false;
}

ssize_t standard_read(void *bytes, size_t size)
{
    size_t left = standard.available - standard.taken;
    size_t count = size < left ? size : left;

    if (!standard_is_readable())
        process_violation("read() of standard input waits, and the server meanwhile");
    memcpy(bytes, standard.input + standard.taken, count);
    standard.taken += count;
    return (ssize_t)count;
}

ssize_t standard_write(const void *bytes, size_t size)
{
    if (standard.stopped && size > standard.room)
        process_violation("write() to standard output waits, and the server meanwhile");
    standard.promised = false;
    if (standard.stopped)
        standard.room -= size;
    if (size > sizeof standard.output - standard.written)
        process_violation("standard output has more than %zu bytes", sizeof standard.output);
    memcpy(standard.output + standard.written, bytes, size);
    standard.written += size;
    return (ssize_t)size;
}

ssize_t standard_write_pipe(int inode, const void *bytes, size_t size)
{
    size_t room = standard.stopped ? standard.room : SIZE_MAX;

    standard.promised = false;
    if (room == 0 ||
        (room < size && size <= PIPE_BUF)) { /* pipe(7): these are written as a whole */
        errno = EAGAIN;
        return -1;
    }
    if (size > room)
        size = room;
    if (standard.stopped)
        standard.room -= size;
    disk_append(inode, bytes, size);
    return (ssize_t)size;
}

bool standard_is_readable(void)
{
    return standard.available > standard.taken || standard.ended;
}

bool standard_is_writable(void)
{
    bool writable = !standard.stopped || standard.room >= PIPE_BUF;

    standard.promised = standard.promised || writable;
    return writable;
}
