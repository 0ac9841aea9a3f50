#include "server/process/notify.h"

#include "common/clock.h"
#include "common/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TEXT_MAX = 4096,
    /* Milliseconds to wait for a manager that reads nothing: the clients wait, too. */
    CHANGE_MS = 500, /* the manager acts on it */
    STATUS_MS = 50,  /* another one follows */
};

/* The address of $NOTIFY_SOCKET: a path, or `@name` in Linux's abstract namespace. */
static bool read_address(const char *name, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(name);

    if (name[0] != '/' && name[0] != '@') {
        errno = EAFNOSUPPORT;
        return false;
    }
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
    return true;
}

/* The queue of the manager's socket may be full. Waits for it at most this long. */
static bool set_wait(int fd, int wait_ms)
{
    const struct timeval wait = {.tv_sec = wait_ms / 1000,
                                 .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0;
}

static bool send_text(const char *text, int wait_ms)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t size;
    ssize_t sent = -1;

    if (name == NULL || *name == '\0')
        return true;
    if (!read_address(name, &address, &size))
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (set_wait(fd, wait_ms)) {
        do {
            sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                          size);
        } while (sent < 0 && errno == EINTR);
    }
    int saved = errno;
    (void)close(fd); /* nothing is pending on a datagram socket */
    errno = saved;
    return sent >= 0;
}

bool notify_ready(const char *status)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof text, "READY=1\nSTATUS=%s", status); /* a long status may be cut */
    return send_text(text, CHANGE_MS);
}

bool notify_reloading(void)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
    return send_text(text, CHANGE_MS);
}

bool notify_stopping(void)
{
    return send_text("STOPPING=1", CHANGE_MS);
}

bool notify_alive(const char *status)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof text, "WATCHDOG=1\nSTATUS=%s", status);
    return send_text(text, STATUS_MS);
}

bool notify_status(const char *status)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof text, "STATUS=%s", status);
    return send_text(text, STATUS_MS);
}

bool notify_is_wanted(void)
{
    const char *name = getenv("NOTIFY_SOCKET");

    return name != NULL && *name != '\0';
}

int64_t notify_watchdog_us(void)
{
    const char *us_text = getenv("WATCHDOG_USEC"), *pid_text = getenv("WATCHDOG_PID");
    uint64_t us, pid;

    if (us_text == NULL || !number_parse(us_text, 10, 1, INT64_MAX, &us))
        return 0;
    if (pid_text != NULL &&
        (!number_parse(pid_text, 10, 1, INT32_MAX, &pid) || (pid_t)pid != getpid()))
        return 0; /* meant for another process */
    return (int64_t)us;
}
