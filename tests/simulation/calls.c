#include "calls.h"

#include "history.h"
#include "process.h"
#include "trace.h"
#include "virtual_time.h"

#include <errno.h>
#include <string.h>

enum { FAULTS_MAX = 8, CALL_US = 2, ERRORS_MAX = 12 };

struct chance calls_chance;

static struct fault faults[FAULTS_MAX];
static size_t faults_count;
static bool is_short; /* the call that began takes only some bytes */

/* The errors that a call can meet; SHORT is a short count. */
enum { SHORT = -1 };

struct kind {
    const char *name;
    bool may_end_the_server;
    int errors[ERRORS_MAX];
};

static const struct kind kinds[] = {
    [CALL_ACCEPT] = {"accept4",
                     false,
                     {EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EPROTO, EPERM}},
    [CALL_BIND] = {"bind", false, {EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM}},
    [CALL_CLOSE] = {"close", false, {0}},
    [CALL_CONNECT] = {"connect", false, {ECONNREFUSED, EAGAIN}},
    [CALL_FCNTL] = {"fcntl", false, {ENOMEM, EPERM}},
    [CALL_FDATASYNC] = {"fdatasync", true, {EIO, ENOSPC, EDQUOT, EINTR}},
    [CALL_FSTAT] = {"fstat", true, {EIO, ENOMEM}},
    [CALL_FSYNC] = {"fsync", true, {EIO, ENOSPC}},
    [CALL_FTRUNCATE] = {"ftruncate", true, {EIO, EINTR}},
    [CALL_GETSOCKNAME] = {"getsockname", false, {ENOBUFS}},
    [CALL_IOCTL] = {"ioctl", false, {EINVAL}},
    [CALL_LISTEN] = {"listen", false, {EADDRINUSE}},
    [CALL_LOCK] = {"lock", false, {ENOLCK}},
    [CALL_LSEEK] = {"lseek", true, {EINVAL}},
    [CALL_MALLOC] = {"malloc", false, {ENOMEM}},
    [CALL_OPEN] = {"open", false, {EMFILE, ENFILE, EACCES, EIO, ENOSPC, ENOMEM, EINTR, EROFS}},
    [CALL_PIPE] = {"pipe", false, {EMFILE, ENFILE}},
    [CALL_PREAD] = {"pread", false, {EIO, EINTR, SHORT}},
    [CALL_READ] = {"read", false, {EIO, EINTR, EAGAIN, SHORT}},
    [CALL_RECV] = {"recv", false, {ECONNRESET, ETIMEDOUT, EINTR, ENOMEM}},
    [CALL_RENAME] = {"rename", false, {EIO, ENOSPC, EACCES, EROFS}},
    [CALL_SELECT] = {"select", true, {EINTR, ENOMEM}},
    [CALL_SEND] = {"send",
                   false,
                   {EAGAIN, EINTR, ENOBUFS, ENOMEM, ECONNRESET, EPIPE, ETIMEDOUT, SHORT, SHORT}},
    [CALL_SETSOCKOPT] = {"setsockopt", false, {ENOMEM, EINVAL}},
    [CALL_SIGNALFD] = {"signalfd", false, {EMFILE, ENOSYS, ENOMEM}},
    [CALL_SOCKET] = {"socket", false, {EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT}},
    [CALL_STAT] = {"stat", false, {EACCES, EIO}},
    [CALL_UNLINK] = {"unlink", false, {EIO, EACCES}},
    [CALL_WRITE] = {"write", true, {EIO, ENOSPC, EDQUOT, EINTR, EFBIG, SHORT, SHORT, SHORT}},
    [CALL_OTHER] = {"other", false, {0}},
};

void calls_begin(uint64_t seed)
{
    calls_chance = chance_from(seed, 1);
    calls_clear_faults();
}

const char *calls_name(enum call call)
{
    return kinds[call].name;
}

struct fault calls_choose_fault(struct chance *chance)
{
    static const enum call often[] = {CALL_WRITE, CALL_FDATASYNC, CALL_FTRUNCATE, CALL_RECV,
                                      CALL_SEND,  CALL_ACCEPT,    CALL_MALLOC,    CALL_MALLOC};
    struct fault fault = {.count = 1};
    size_t count = 0;

    fault.call = chance_percent(chance, 60) ? often[chance_below(chance, 8)]
                                            : (enum call)chance_below(chance, CALL_OTHER);
    while (count < ERRORS_MAX && kinds[fault.call].errors[count] != 0)
        count++;
    if (count == 0)
        return (struct fault){CALL_WRITE, ENOSPC, 0, 1};
    int error = kinds[fault.call].errors[chance_below(chance, (unsigned)count)];
    fault.error = error == SHORT ? 0 : error;
    fault.skip = chance_below(chance, fault.call == CALL_MALLOC ? 100 : 4);
    if (chance_percent(chance, 20))
        fault.count = 1 + chance_below(chance, 20);
    return fault;
}

void calls_add_fault(const struct fault *fault)
{
    if (faults_count < FAULTS_MAX)
        faults[faults_count++] = *fault;
}

void calls_clear_faults(void)
{
    faults_count = 0;
    is_short = false;
}

/* Whether it is nothing unusual: sockets take and give what they like to. */
static bool is_harmless(const struct fault *fault)
{
    return (fault->call == CALL_SEND || fault->call == CALL_RECV) &&
           (fault->error == 0 || fault->error == EINTR);
}

/* The fault of a call that begins, or NULL. */
static const struct fault *take_fault(enum call call)
{
    for (size_t at = 0; at < faults_count; at++) {
        struct fault *fault = &faults[at];
        if (fault->call != call || fault->count == 0)
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        fault->count--;
        process.faults++;
        process.harmless += is_harmless(fault);
        process.fault_ends_it = process.fault_ends_it || kinds[call].may_end_the_server;
        return fault;
    }
    return NULL;
}

bool calls_fail(enum call call)
{
    is_short = false;
    virtual_time_pass(CALL_US);
    history_call();
    const struct fault *fault = faults_count == 0 ? NULL : take_fault(call);
    if (fault == NULL)
        return false;
    trace_note("  fault: %s: %s", kinds[call].name,
               fault->error == 0 ? "a short count" : strerror(fault->error));
    is_short = fault->error == 0;
    errno = fault->error;
    return !is_short;
}

size_t calls_limit(size_t size)
{
    if (!is_short || size < 2)
        return size;
    is_short = false;
    return 1 + chance_below(&calls_chance, (unsigned)size - 1);
}

bool calls_lack_memory(void)
{
    if (faults_count == 0 || process.in_stdio || take_fault(CALL_MALLOC) == NULL)
        return false;
    trace_note("  fault: malloc: no memory");
    return true;
}
