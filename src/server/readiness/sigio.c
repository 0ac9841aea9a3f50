#include "server/readiness/sigio.h"

#include <errno.h>
#include <fcntl.h>

#if defined HAVE_SYS_SIGNALFD_H && defined F_SETSIG && defined O_ASYNC

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The signal of a ring; SIGIO comes when the queue of those is full. */
#define RING_SIGNAL SIGRTMIN

static pid_t owner; /* whom sockets ring */

int bell_open(void)
{
    sigset_t signals;

    owner = getpid();
    /* These cannot fail with these arguments. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, RING_SIGNAL);
    (void)sigaddset(&signals, SIGIO);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool bell_attach(int fd)
{
    return fcntl(fd, F_SETOWN, owner) == 0 && fcntl(fd, F_SETSIG, RING_SIGNAL) == 0 &&
           fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) == 0;
}

size_t bell_take(int bell, struct bell_ring *rings, bool *lost)
{
    struct signalfd_siginfo signals[BELL_RINGS_MAX];
    ssize_t size = read(bell, signals, sizeof signals);
    size_t count = 0;

    if (size < 0 && errno != EAGAIN)
        *lost = true; /* none is known to fail otherwise; then the rings are there, and unread */
    for (size_t at = 0; size > 0 && at < (size_t)size / sizeof *signals; at++) {
        if (signals[at].ssi_signo == SIGIO)
            *lost = true;
        else
            rings[count++] = (struct bell_ring){signals[at].ssi_fd, signals[at].ssi_code == POLL_IN,
                                                signals[at].ssi_code == POLL_PRI};
    }
    return count;
}

#else

int bell_open(void)
{
    errno = ENOSYS;
    return -1;
}

bool bell_attach(int fd)
{
    (void)fd; /* there is no bell */
    errno = ENOSYS;
    return false;
}

size_t bell_take(int bell, struct bell_ring *rings, bool *lost)
{
    (void)bell; /* there is no bell */
    (void)rings;
    (void)lost;
    return 0;
}

#endif
