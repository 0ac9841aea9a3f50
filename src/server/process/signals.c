#include "server/process/signals.h"

#include "common/clock.h"
#include "common/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/select.h>
#include <unistd.h>

/* Microseconds that the reader of a pipe has once the server was told to stop. */
enum { STOP_WAIT_US = 200 * 1000 };

static int pipe_ends[2] = {-1, -1}; /* read, write */

/* The requests. The pipe only ends a wait: it may be full. */
static volatile sig_atomic_t stop_came, reload_came, report_came;

static volatile sig_atomic_t stop_asked; /* set with the first stop_came, never reset */

enum { SAME_KEY_PRESS_US = 500 * 1000 };

static int64_t first_stop_us; /* used by handlers only, which do not interrupt each other */

static void note_stop(int number)
{
    int64_t now = clock_monotonic_us();

    if (!stop_asked) {
        stop_asked = 1;
        stop_came = 1;
        first_stop_us = now;
    } else if (now - first_stop_us >= SAME_KEY_PRESS_US) {
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* ends the process when the handler returns */
    }
}

static void wake(void)
{
    while (write(pipe_ends[1], "", 1) < 0 && errno == EINTR)
        continue; /* any other error: the pipe is full, which also ends the wait */
}

static void note(int number)
{
    int saved = errno;

    if (number == SIGHUP)
        reload_came = 1;
    else if (number == SIGUSR1)
        report_came = 1;
    else
        note_stop(number);
    wake();
    errno = saved;
}

void signals_hold(void)
{
    sigset_t held;

    (void)sigemptyset(&held); /* these cannot fail */
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
}

int signals_open(void)
{
    static const int noted[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigset_t unblocked;

    if (pipe(pipe_ends) != 0)
        return -1;
    for (int end = 0; end < 2; end++)
        if (fcntl(pipe_ends[end], F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(pipe_ends[end], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    (void)sigemptyset(&unblocked); /* these cannot fail */
    for (size_t at = 0; at < sizeof noted / sizeof *noted; at++)
        (void)sigaddset(&unblocked, noted[at]);
    action.sa_mask = unblocked; /* one handler at a time */
    for (size_t at = 0; at < sizeof noted / sizeof *noted; at++)
        if (sigaction(noted[at], &action, NULL) != 0)
            return -1;
    /* signals_hold() has blocked some; the parent process may have blocked others. */
    if (sigprocmask(SIG_UNBLOCK, &unblocked, NULL) != 0)
        return -1;
    return pipe_ends[0];
}

/* Takes one request. A signal between the two steps is the same request, which is returned now. */
static unsigned take(volatile sig_atomic_t *came, enum signal_request request)
{
    if (!*came)
        return 0;
    *came = 0;
    return request;
}

static void empty_pipe(void)
{
    char bytes[64];

    while (read(pipe_ends[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
}

unsigned signals_take(void)
{
    empty_pipe();
    return take(&stop_came, SIGNAL_STOP) | take(&reload_came, SIGNAL_RELOAD) |
           take(&report_came, SIGNAL_REPORT);
}

bool signals_came(void)
{
    return stop_came || reload_came || report_came;
}

/* Microseconds that signals_wait_writable() may wait; negative: no limit. */
static int64_t time_left(void)
{
    static int64_t end; /* 0: no stop was noticed yet */

    if (!stop_asked)
        return -1;
    int64_t now = clock_monotonic_us();
    if (end == 0)
        end = now + STOP_WAIT_US;
    return end > now ? end - now : 0;
}

/* What one wait is for: -1 is no descriptor. */
struct awaited {
    int read;
    int write;
    struct descriptor_set read_set;
    struct descriptor_set write_set;
};

static int higher(int one, int other)
{
    return one > other ? one : other;
}

/* Waits once, also for a signal; `left`: microseconds, negative: no limit. As select(). */
static int wait_once(struct awaited *awaited, int64_t left)
{
    int highest = higher(pipe_ends[0], higher(awaited->read, awaited->write));
    struct timeval timeout = {.tv_sec = (time_t)(left / 1000000), .tv_usec = left % 1000000};

    if (highest >= 0 && (!descriptor_set_grow(&awaited->read_set, highest) ||
                         !descriptor_set_grow(&awaited->write_set, highest)))
        return -1;
    if (pipe_ends[0] >= 0)
        descriptor_set_add(&awaited->read_set, pipe_ends[0]);
    if (awaited->read >= 0)
        descriptor_set_add(&awaited->read_set, awaited->read);
    if (awaited->write >= 0)
        descriptor_set_add(&awaited->write_set, awaited->write);
    return select(highest + 1, descriptor_set_for_select(&awaited->read_set),
                  descriptor_set_for_select(&awaited->write_set), NULL, left < 0 ? NULL : &timeout);
}

static void end_wait(struct awaited *awaited)
{
    descriptor_set_free(&awaited->read_set);
    descriptor_set_free(&awaited->write_set);
    if (signals_came())
        wake(); /* for the wait that acts on them */
}

bool signals_wait_writable(int fd)
{
    struct awaited awaited = {.read = -1, .write = fd};
    bool writable = false;
    int64_t left;

    do {
        empty_pipe(); /* a signal from here on ends the wait */
        left = time_left();
        int ready = left == 0 ? 0 : wait_once(&awaited, left);
        writable = ready < 0 ? errno != EINTR /* select() cannot tell */
                             : ready > 0 && descriptor_set_has(&awaited.write_set, fd);
    } while (!writable && left != 0);
    end_wait(&awaited);
    return writable;
}

bool signals_wait(int fd, bool reading, bool writing, int64_t due)
{
    struct awaited awaited = {.read = reading ? fd : -1, .write = writing ? fd : -1};
    int64_t left = due - clock_monotonic_us();

    empty_pipe();
    if (!stop_asked)
        (void)wait_once(&awaited, due == INT64_MAX ? -1 : left > 0 ? left : 0); /* "or less long" */
    end_wait(&awaited);
    return !stop_asked;
}

bool signals_stop_asked(void)
{
    return stop_asked;
}
