#include "client/terminal.h"

#include "client/signals.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved_modes;

ssize_t terminal_read(void *bytes, size_t size)
{
    ssize_t got = read(STDIN_FILENO, bytes, size);

    return got < 0 && errno == EIO ? 0 : got;
}

static void set_modes(const struct termios *modes)
{
    /* Retry after a signal; nothing can be done about any other error. */
    while (tcsetattr(STDIN_FILENO, TCSANOW, modes) != 0 && errno == EINTR)
        continue;
}

/* Takes the signal's default action. Returns when the process continues. */
static void take_default_action(int number)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, ours;
    sigset_t one, before;

    (void)sigemptyset(&usual.sa_mask);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)sigaction(number, &usual, &ours);
    (void)kill(getpid(), number);
    (void)sigprocmask(SIG_UNBLOCK, &one, &before); /* the process stops or ends here */
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)sigaction(number, &ours, NULL);
}

static void restore_and_obey(int number)
{
    int saved = errno;
    struct termios own;

    if (tcgetattr(STDIN_FILENO, &own) != 0) {
        take_default_action(number);
    } else {
        set_modes(&saved_modes);
        take_default_action(number);
        set_modes(&own);
    }
    errno = saved;
}

void terminal_keep_modes(void)
{
    if (tcgetattr(STDIN_FILENO, &saved_modes) != 0)
        return;
    signals_catch(SIGTSTP, restore_and_obey);
    signals_catch(SIGQUIT, restore_and_obey);
}
