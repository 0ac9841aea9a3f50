#include "client/signals.h"

#include <stddef.h>
#include <sys/select.h>
#include <time.h>

static volatile sig_atomic_t interrupt;
static volatile sig_atomic_t terminal_changed;
static sigset_t taken;
static sigset_t mask_to_wait;

static void take_interrupt(int number)
{
    interrupt = number;
}

static void take_change(int number)
{
    (void)number;
    terminal_changed = 1;
}

/* A signal ignored at the start (by nohup, or for a shell's background job) stays ignored. */
void signals_catch(int number, void (*handler)(int))
{
    struct sigaction action;
    sigset_t one;

    /* These calls fail only with an invalid signal number or pointer. */
    (void)sigaction(number, NULL, &action);
    if (action.sa_handler == SIG_IGN)
        return;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    action = (struct sigaction){.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
    (void)sigaddset(&taken, number);
    (void)sigdelset(&mask_to_wait, number);
}

void signals_install(void)
{
    (void)sigemptyset(&taken);
    (void)sigprocmask(SIG_BLOCK, NULL, &mask_to_wait);
    signals_catch(SIGINT, take_interrupt);
    signals_catch(SIGTERM, take_interrupt);
    signals_catch(SIGHUP, take_interrupt);
    signals_catch(SIGWINCH, take_change);
    signals_catch(SIGCONT, take_change);
}

const sigset_t *signals_mask_to_wait(void)
{
    return &mask_to_wait;
}

bool signals_let_in(void)
{
    const struct timespec at_once = {0};
    sigset_t pending;

    (void)sigpending(&pending);
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&pending, number) == 1 && sigismember(&taken, number) == 1)
            return pselect(0, NULL, NULL, NULL, &at_once, &mask_to_wait) < 0;
    return false;
}

int signals_interrupt(void)
{
    return interrupt;
}

void signals_forget_interrupt(void)
{
    interrupt = 0;
}

bool signals_terminal_changed(void)
{
    bool changed = terminal_changed != 0;

    terminal_changed = 0;
    return changed;
}
