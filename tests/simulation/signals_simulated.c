#include "signals_simulated.h"

#include "calls.h"
#include "descriptors.h"
#include "process.h"
#include "trace.h"
#include "virtual_time.h"
#include "wrap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { SIGNALS = 65, QUEUE_MAX = 256 };

struct queued {
    int number;
    int fd;
    int code;
};

static struct {
    void (*handlers[SIGNALS])(int);
    uint64_t blocked; /* by bit_of() */
    uint64_t pending;
    struct queued queue[QUEUE_MAX]; /* real-time signals, the oldest first */
    size_t queued;
    size_t queue_limit;
    bool lost; /* SIGIO is pending: the queue was full */
    bool interrupted;
} signals;

static uint64_t bit_of(int number)
{
    return (uint64_t)1 << (number - 1);
}

static uint64_t bits_of(const sigset_t *set)
{
    uint64_t bits;

    memcpy(&bits, set, sizeof bits); /* Linux has them in this order, and no others */
    return bits;
}

static void set_bits(sigset_t *set, uint64_t bits)
{
    (void)sigemptyset(set); /* cannot fail */
    memcpy(set, &bits, sizeof bits);
}

void signals_begin(size_t queue)
{
    memset(&signals, 0, sizeof signals);
    signals.queue_limit = queue < QUEUE_MAX ? queue : QUEUE_MAX;
}

static void deliver(int number)
{
    void (*handler)(int) = signals.handlers[number];
    int error = errno;

    if (handler == SIG_IGN)
        return;
    trace_note("signal %d: %s", number, strsignal(number));
    if (handler != SIG_DFL) {
        signals.interrupted = true;
        handler(number);
        errno = error;
        return;
    }
    if (number == SIGHUP || number == SIGUSR1)
        process_violation("%s ends the process", strsignal(number));
    if (number == SIGTERM || number == SIGINT)
        process_kill();
}

void signals_send(int number)
{
    if (!process.running)
        return;
    if ((number == SIGTERM || number == SIGINT) && !process.was_asked) {
        process.was_asked = true;
        process.asked_at = virtual_now();
    }
    if ((signals.blocked & bit_of(number)) != 0)
        signals.pending |= bit_of(number);
    else
        deliver(number);
}

void signals_from_socket(int number, int fd, int code)
{
    if (!process.running)
        return;
    if (number == 0 || signals.queued >= signals.queue_limit) {
        trace_note("signal of socket %d is lost", fd);
        signals.lost = true;
    } else {
        signals.queue[signals.queued++] = (struct queued){number, fd, code};
    }
}

bool signals_interrupted(void)
{
    bool interrupted = signals.interrupted;

    signals.interrupted = false;
    return interrupted;
}

bool signals_are_queued(void)
{
    return signals.lost || signals.queued > 0;
}

size_t signals_take_queued(void *bytes, size_t size)
{
    struct signalfd_siginfo *all = bytes;
    size_t room = size / sizeof *all;
    size_t count = 0;
    size_t taken = 0;

    if (signals.lost && count < room) { /* the lower number comes first */
        all[count++] = (struct signalfd_siginfo){.ssi_signo = SIGIO, .ssi_code = SI_KERNEL};
        signals.lost = false;
    }
    for (; taken < signals.queued && count < room; taken++)
        all[count++] = (struct signalfd_siginfo){
            .ssi_signo = (uint32_t)signals.queue[taken].number,
            .ssi_fd = signals.queue[taken].fd,
            .ssi_code = signals.queue[taken].code,
        };
    signals.queued -= taken;
    memmove(signals.queue, signals.queue + taken, signals.queued * sizeof *signals.queue);
    return count * sizeof *all;
}

/* ----------------------------------------------------------------------------------- the calls */

WRAP(int, sigaction, int number, const struct sigaction *action, struct sigaction *before)
{
    if (before != NULL)
        *before = (struct sigaction){.sa_handler = signals.handlers[number]};
    if (action != NULL)
        signals.handlers[number] = action->sa_handler;
    return 0;
}

typedef void (*signal_handler)(int);

WRAP(signal_handler, signal, int number, signal_handler handler)
{
    signal_handler before = signals.handlers[number];

    signals.handlers[number] = handler;
    return before;
}

/* Those that are pending and not blocked, the lowest number first. */
static void deliver_unblocked(uint64_t blocked)
{
    uint64_t left = signals.pending & ~blocked;

    for (; left != 0; left &= left - 1) {
        int number = __builtin_ctzll(left) + 1;
        signals.pending &= ~bit_of(number);
        deliver(number);
    }
}

static void set_blocked(int how, uint64_t bits)
{
    if (how == SIG_SETMASK)
        signals.blocked = bits;
    else if (how == SIG_BLOCK)
        signals.blocked |= bits;
    else
        signals.blocked &= ~bits;
}

WRAP(int, sigprocmask, int how, const sigset_t *set, sigset_t *before)
{
    if (before != NULL)
        set_bits(before, signals.blocked);
    if (set != NULL)
        set_blocked(how, bits_of(set));
    deliver_unblocked(signals.blocked);
    return 0;
}

bool signals_enter(const sigset_t *set)
{
    deliver_unblocked(bits_of(set));
    return signals_interrupted();
}

WRAP(int, sigpending, sigset_t *set)
{
    set_bits(set, signals.pending);
    return 0;
}

WRAP(int, signalfd, int fd, const sigset_t *set, int flags)
{
    (void)set; /* the server's is for those that sockets send */
    if (calls_fail(CALL_SIGNALFD))
        return -1;
    if (fd >= 0)
        return fd;
    fd = descriptors_add(DESCRIPTOR_SIGNALS, 0, flags);
    trace_call("signalfd", 0, 0, fd);
    return fd;
}

WRAP(int, raise, int number)
{
    signals_send(number);
    return 0;
}
