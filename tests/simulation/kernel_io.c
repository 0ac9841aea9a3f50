/* The calls that work on any descriptor: each passes to what its kind does. */
#include "calls.h"
#include "descriptors.h"
#include "disk.h"
#include "history.h"
#include "kernel_files.h"
#include "kernel_sockets.h"
#include "ledger.h"
#include "network.h"
#include "process.h"
#include "signals_simulated.h"
#include "standard.h"
#include "trace.h"
#include "wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIPE_ROOM = 4096, VECTOR_MAX = 64 * 1024 };

static int failed(int error)
{
    errno = error;
    return -1;
}

static ssize_t read_pipe(struct descriptor *pipe, size_t size)
{
    size_t count = size < pipe->pending ? size : pipe->pending;

    if (count == 0)
        return failed(EAGAIN);
    pipe->pending -= count;
    return (ssize_t)count; /* nobody looks at these bytes */
}

static ssize_t write_pipe(const struct descriptor *end, size_t size)
{
    struct descriptor *pipe = &descriptors[end->object];

    if (pipe->pending + size > PIPE_ROOM)
        return failed(EAGAIN);
    pipe->pending += size;
    return (ssize_t)size;
}

static ssize_t read_some(int fd, void *bytes, size_t size)
{
    struct descriptor *from = descriptors_get(fd);

    if (from == NULL)
        return -1;
    /* The server's own pipe and signalfd cannot fail. */
    bool own = from->kind == DESCRIPTOR_PIPE_READ || from->kind == DESCRIPTOR_SIGNALS;
    if (calls_fail(own ? CALL_OTHER : CALL_READ))
        return -1;
    ssize_t count = failed(EBADF);
    if (from->kind == DESCRIPTOR_FILE) {
        count = files_read(from, bytes, size);
    } else if (from->kind == DESCRIPTOR_PIPE_READ) {
        count = read_pipe(from, size);
    } else if (from->kind == DESCRIPTOR_SIGNALS) {
        count = (ssize_t)signals_take_queued(bytes, size);
        if (count == 0)
            count = failed(EAGAIN);
    } else if (from->kind == DESCRIPTOR_TEXT) {
        count = files_read_boot(from, bytes, size);
    } else if (from->kind == DESCRIPTOR_INPUT) {
        count = standard_read(bytes, calls_limit(size));
    } else if (from->kind == DESCRIPTOR_NULL) {
        count = 0;
    }
    trace_call("read", fd, (int64_t)size, count);
    return count;
}

WRAP(ssize_t, read, int fd, void *bytes, size_t size)
{
    return read_some(fd, bytes, size);
}

WRAP(ssize_t, __read_chk, int fd, void *bytes, size_t size, size_t room)
{
    (void)room; /* the compiler's own check; AddressSanitizer does better */
    return read_some(fd, bytes, size);
}

static ssize_t write_log(const struct descriptor *log, const void *bytes, size_t size)
{
    bool waits = descriptors_log_is_full() && (log->flags & O_NONBLOCK) == 0;

    if (waits && process.ready &&
        !descriptors_log_is_promised()) /* before it serves, it may wait */
        process_violation("the server waits for ever for somebody to read standard error");
    if (descriptors_log_is_full() && !waits)
        return failed(EAGAIN);
    descriptors_promise_log(false);
    trace_note("log: %.*s", (int)(size > 0 ? size - 1 : 0), (const char *)bytes);
    if (memmem(bytes, size, ": Success", strlen(": Success")) != NULL)
        process_violation("an error without a reason: %.*s", (int)size, (const char *)bytes);
    history_logged(bytes, size);
    return (ssize_t)size;
}

static ssize_t write_output(const struct descriptor *output, const void *bytes, size_t size)
{
    ssize_t count = standard_write_pipe(output->object, bytes, size);

    if (count < 0 && (output->flags & O_NONBLOCK) == 0)
        process_violation("write() to standard output waits, and the server meanwhile");
    return count;
}

WRAP(ssize_t, write, int fd, const void *bytes, size_t size)
{
    struct descriptor *to = descriptors_get(fd);

    if (to == NULL)
        return -1;
    bool can_fail = to->kind == DESCRIPTOR_FILE || to->kind == DESCRIPTOR_OUTPUT;
    bool is_journal = to->kind == DESCRIPTOR_FILE && (to->flags & O_APPEND) != 0;
    if (calls_fail(can_fail ? CALL_WRITE : CALL_OTHER)) {
        if (is_journal && errno != EINTR)
            ledger_wrote(false);
        return -1;
    }
    ssize_t count = failed(EBADF);
    if (to->kind == DESCRIPTOR_FILE)
        count = files_write(to, bytes, size);
    else if (to->kind == DESCRIPTOR_PIPE_WRITE)
        count = write_pipe(to, size);
    else if (to->kind == DESCRIPTOR_LOG)
        count = write_log(to, bytes, size);
    else if (to->kind == DESCRIPTOR_OUTPUT)
        count = process_start.piped ? write_output(to, bytes, calls_limit(size))
                                    : standard_write(bytes, calls_limit(size));
    else if (to->kind == DESCRIPTOR_NULL)
        count = (ssize_t)size;
    trace_call("write", fd, (int64_t)size, count);
    if (is_journal)
        ledger_wrote(count == (ssize_t)size);
    return count;
}

WRAP(ssize_t, writev, int fd, const struct iovec *parts, int count)
{
    static unsigned char whole[VECTOR_MAX];
    size_t size = 0;

    for (int at = 0; at < count && size + parts[at].iov_len <= sizeof whole; at++) {
        memcpy(whole + size, parts[at].iov_base, parts[at].iov_len);
        size += parts[at].iov_len;
    }
    return __wrap_write(fd, whole, size);
}

WRAP(int, close, int fd)
{
    struct descriptor *closed = descriptors_get(fd);

    if (closed == NULL) {
        trace_note("close(%d) of what is not open", fd);
        history_closed_twice(fd);
        return -1;
    }
    if (calls_fail(CALL_CLOSE))
        return -1;
    struct descriptor copy = *closed;
    closed->kind = DESCRIPTOR_FREE;
    trace_call("close", fd, 0, 0);
    if (copy.kind == DESCRIPTOR_FILE)
        files_close(&copy);
    else if (copy.kind >= DESCRIPTOR_SOCKET && copy.kind <= DESCRIPTOR_DATAGRAM)
        sockets_close(&copy);
    return 0;
}

WRAP(int, pipe2, int ends[2], int flags)
{
    if (calls_fail(CALL_PIPE))
        return -1;
    ends[0] = descriptors_add(DESCRIPTOR_PIPE_READ, 0, O_RDONLY | flags);
    if (ends[0] < 0)
        return -1;
    ends[1] = descriptors_add(DESCRIPTOR_PIPE_WRITE, ends[0], O_WRONLY | flags);
    if (ends[1] < 0) {
        descriptors[ends[0]].kind = DESCRIPTOR_FREE;
        return -1;
    }
    return 0;
}

WRAP(int, pipe, int ends[2])
{
    return __wrap_pipe2(ends, 0);
}

/* ----------------------------------------------------------------------------------------- fcntl
 */

static int set_flags(struct descriptor *of, int flags)
{
    of->flags = (of->flags & O_ACCMODE) | (flags & ~O_ACCMODE);
    if (of->kind == DESCRIPTOR_CONNECTION) {
        network_peers[of->object].signals = (flags & O_ASYNC) != 0;
        network_peers[of->object].signal = of->signal;
    }
    return 0;
}

static int set_lock(struct descriptor *of, const struct flock *lock, enum disk_lock kind)
{
    if (of->kind != DESCRIPTOR_FILE)
        return failed(EINVAL);
    if (lock->l_type == F_UNLCK && lock->l_len != 0)
        return 0; /* a part of it; what comes behind stays locked */
    of->pending = kind == DISK_LOCKED_BY_FILE && lock->l_type != F_UNLCK;
    disk_lock(of->object, lock->l_type == F_UNLCK ? DISK_UNLOCKED : kind);
    return 0;
}

static int control(struct descriptor *of, int command, int number, struct flock *lock)
{
    switch (command) {
    case F_GETFL:
        return of->flags;
    case F_SETFL:
        return set_flags(of, number);
    case F_GETFD:
    case F_SETFD:
        return 0;
    case F_SETOWN:
        of->owner = number;
        return 0;
    case F_SETSIG:
        of->signal = number;
        return 0;
    case F_GETLK:
        lock->l_type = F_UNLCK;
        return 0;
    case F_SETLK:
        return set_lock(of, lock, DISK_LOCKED_BY_PROCESS);
    case F_OFD_SETLK:
        return set_lock(of, lock, DISK_LOCKED_BY_FILE);
    default:
        return failed(EINVAL);
    }
}

static bool is_of_locks(int command)
{
    return command == F_GETLK || command == F_SETLK || command == F_OFD_SETLK;
}

/* Only these can fail for a descriptor that is open (fcntl(2)). */
static enum call kind_of(int command)
{
    if (is_of_locks(command))
        return CALL_LOCK;
    return command == F_SETFL || command == F_SETOWN || command == F_SETSIG ? CALL_FCNTL
                                                                            : CALL_OTHER;
}

static int control_descriptor(int fd, int command, va_list args)
{
    struct descriptor *of = descriptors_get(fd);

    if (of == NULL)
        return -1;
    if (calls_fail(kind_of(command))) {
        process.lock_failed = process.lock_failed || is_of_locks(command);
        return -1;
    }
    bool has_lock = is_of_locks(command);
    bool has_number = command == F_SETFL || command == F_SETOWN || command == F_SETSIG;
    struct flock *lock = has_lock ? va_arg(args, struct flock *) : NULL;
    int number = has_number ? va_arg(args, int) : 0;
    int result = control(of, command, number, lock);
    trace_call("fcntl", fd, command, result);
    return result;
}

WRAP(int, fcntl, int fd, int command, ...)
{
    va_list args;

    va_start(args, command);
    int result = control_descriptor(fd, command, args);
    va_end(args);
    return result;
}

WRAP(int, fcntl64, int fd, int command, ...)
{
    va_list args;

    va_start(args, command);
    int result = control_descriptor(fd, command, args);
    va_end(args);
    return result;
}
