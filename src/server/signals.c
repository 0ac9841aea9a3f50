#include "server/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int pipe_ends[2] = {-1, -1}; /* read, write */

/* Which requests came, for the handler must not rely on the pipe: it only ends a wait. */
static volatile sig_atomic_t stop_came, reload_came, report_came;

static void tell(int number)
{
    int saved = errno;

    if (number == SIGHUP) {
        reload_came = 1;
    } else if (number == SIGUSR1) {
        report_came = 1;
    } else {
        stop_came = 1;
        (void)signal(SIGTERM, SIG_DFL); /* the next one ends the process */
        (void)signal(SIGINT, SIG_DFL);
    }
    while (write(pipe_ends[1], "", 1) < 0 && errno == EINTR)
        continue; /* after another error the pipe is full: whoever waits for it wakes up */
    errno = saved;
}

int signals_open(void)
{
    static const int told[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    static const int ignored[] = {SIGPIPE, SIGXFSZ};
    struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
    sigset_t unblocked;

    if (pipe(pipe_ends) != 0)
        return -1;
    for (int end = 0; end < 2; end++)
        if (fcntl(pipe_ends[end], F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(pipe_ends[end], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    (void)sigemptyset(&action.sa_mask); /* these cannot fail */
    (void)sigemptyset(&unblocked);
    for (size_t at = 0; at < sizeof told / sizeof *told; at++) {
        if (sigaction(told[at], &action, NULL) != 0)
            return -1;
        (void)sigaddset(&unblocked, told[at]);
    }
    /* Who started us may have blocked them. */
    if (sigprocmask(SIG_UNBLOCK, &unblocked, NULL) != 0)
        return -1;
    action.sa_handler = SIG_IGN;
    for (size_t at = 0; at < sizeof ignored / sizeof *ignored; at++)
        if (sigaction(ignored[at], &action, NULL) != 0)
            return -1;
    return pipe_ends[0];
}

/* Takes one request. One that comes in between is the same as this one, which is obeyed now. */
static unsigned take(volatile sig_atomic_t *came, enum signal_request request)
{
    if (!*came)
        return 0;
    *came = 0;
    return request;
}

unsigned signals_take(void)
{
    char bytes[64];

    while (read(pipe_ends[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
    return take(&stop_came, SIGNAL_STOP) | take(&reload_came, SIGNAL_RELOAD) |
           take(&report_came, SIGNAL_REPORT);
}

bool signals_came(void)
{
    return stop_came || reload_came || report_came;
}
