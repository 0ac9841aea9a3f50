/*
 * Why: a signal must not end the server before the handlers are installed, and one key press,
 * passed on by both a terminal and a wrapper, must not count as two. Each case runs in a separate
 * process.
 */
#include "server/process/signals.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { FAILED = 99 };

/* Runs `does` in a process: returns its exit status, or minus the signal that ended it. */
static int outcome(int (*does)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(does());
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int open_late(void)
{
    signals_hold();
    if (raise(SIGHUP) != 0 || raise(SIGUSR1) != 0 || signals_open() < 0 || !signals_came())
        return FAILED;
    return (int)signals_take();
}

static int stop_before_open(void)
{
    signals_hold();
    return raise(SIGINT) == 0 ? FAILED : 0;
}

static int stop_thrice_at_once(void)
{
    if (signals_open() < 0 || raise(SIGINT) != 0 || raise(SIGTERM) != 0 || raise(SIGINT) != 0)
        return FAILED;
    unsigned requests = signals_take();
    return requests == SIGNAL_STOP && !signals_came() ? 0 : FAILED;
}

static int stop_again_later(void)
{
    const struct timespec later = {.tv_nsec = 600 * 1000 * 1000};

    if (stop_thrice_at_once() != 0 || nanosleep(&later, NULL) != 0)
        return FAILED;
    return raise(SIGTERM) == 0 ? FAILED : 0;
}

static void test_held_until_the_handlers_are_installed(void **state)
{
    (void)state;
    assert_int_equal(outcome(open_late), SIGNAL_RELOAD | SIGNAL_REPORT);
    assert_int_equal(outcome(stop_before_open), -SIGINT);
}

static void test_one_key_press_is_one_signal(void **state)
{
    (void)state;
    assert_int_equal(outcome(stop_thrice_at_once), 0);
    assert_int_equal(outcome(stop_again_later), -SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_until_the_handlers_are_installed),
        cmocka_unit_test(test_one_key_press_is_one_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
