#include "client/terminal.h"

#include "client/signals.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static struct termios kept;

ssize_t terminal_read(void *bytes, size_t size)
{
    ssize_t got = read(STDIN_FILENO, bytes, size);

    return got < 0 && errno == EIO ? 0 : got;
}

static void set_modes(const struct termios *modes)
{
    /* A signal's handler may come in between; any other failure has no cure. */
    while (tcsetattr(STDIN_FILENO, TCSANOW, modes) != 0 && errno == EINTR)
        continue;
}

/* Does what the signal does by default; returns when the process goes on. */
static void obey(int number)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, ours;
    sigset_t one, before;

    (void)sigemptyset(&usual.sa_mask);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)sigaction(number, &usual, &ours);
    (void)kill(getpid(), number);
    (void)sigprocmask(SIG_UNBLOCK, &one, &before); /* here it stops or ends */
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)sigaction(number, &ours, NULL);
}

static void give_back(int number)
{
    int saved = errno;
    struct termios own;

    if (tcgetattr(STDIN_FILENO, &own) != 0) {
        obey(number);
    } else {
        set_modes(&kept);
        obey(number);
        set_modes(&own);
    }
    errno = saved;
}

void terminal_keep_modes(void)
{
    if (tcgetattr(STDIN_FILENO, &kept) != 0)
        return;
    signals_catch(SIGTSTP, give_back);
    signals_catch(SIGQUIT, give_back);
}
