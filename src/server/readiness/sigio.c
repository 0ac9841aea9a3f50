#include "server/readiness/sigio.h"

#include <errno.h>
#include <fcntl.h>

#if defined HAVE_SYS_SIGNALFD_H && defined F_SETSIG && defined O_ASYNC

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The signal of an event. The kernel sends plain SIGIO instead when the signal queue is full. */
#define EVENT_SIGNAL SIGRTMIN

static pid_t owner; /* the process that sockets signal */

int sigio_open(void)
{
    sigset_t signals;

    owner = getpid();
    /* These cannot fail with these arguments. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, EVENT_SIGNAL);
    (void)sigaddset(&signals, SIGIO);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool sigio_attach(int fd)
{
    return fcntl(fd, F_SETOWN, owner) == 0 && fcntl(fd, F_SETSIG, EVENT_SIGNAL) == 0 &&
           fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) == 0;
}

size_t sigio_take(int signals, struct sigio_event *events, bool *lost)
{
    struct signalfd_siginfo queued[SIGIO_EVENTS_MAX];
    ssize_t size = read(signals, queued, sizeof queued);
    size_t count = 0;

    if (size < 0 && errno != EAGAIN)
        *lost = true; /* not known to happen; the events are still queued */
    for (size_t at = 0; size > 0 && at < (size_t)size / sizeof *queued; at++) {
        int code = queued[at].ssi_code;
        if (queued[at].ssi_signo == SIGIO)
            *lost = true;
        else
            events[count++] = (struct sigio_event){.fd = queued[at].ssi_fd,
                                                   .data_only = code == POLL_IN,
                                                   .urgent = code == POLL_PRI,
                                                   .room_only = code == POLL_OUT};
    }
    return count;
}

#else

int sigio_open(void)
{
    errno = ENOSYS;
    return -1;
}

bool sigio_attach(int fd)
{
    (void)fd; /* this system has no F_SETSIG */
    errno = ENOSYS;
    return false;
}

size_t sigio_take(int signals, struct sigio_event *events, bool *lost)
{
    (void)signals; /* this system has no F_SETSIG */
    (void)events;
    (void)lost;
    return 0;
}

#endif
