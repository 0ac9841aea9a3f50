#include "reader/watch.h"

#include "common/descriptors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_SYS_INOTIFY_H
#include <sys/inotify.h>
#endif

enum {
    SECOND_US = 1000 * 1000,
    LOOKS_ALONE_US = SECOND_US,       /* without inotify */
    LOOKS_WATCHED_US = 5 * SECOND_US, /* with it: network file systems do not tell all */
    EVENTS_SIZE = 4096,
};

#ifdef HAVE_SYS_INOTIFY_H

void watch_open(struct watch *watch, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *folder = slash == NULL ? strdup(".") : strndup(path, size);

    *watch = (struct watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .file = -1};
    if (watch->fd >= 0 && folder != NULL)
        /* Where it fails, looking now and then is left. */
        (void)inotify_add_watch(watch->fd, folder, IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM);
    free(folder);
}

void watch_file(struct watch *watch, int fd)
{
    char path[64];

    if (watch->fd < 0)
        return;
    if (watch->file >= 0)
        (void)inotify_rm_watch(watch->fd, watch->file);        /* fails if the file is gone */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* it has room */
    watch->file = inotify_add_watch(watch->fd, path, IN_MODIFY);
}

/* Takes what inotify told; that it told something is all that matters. */
static void forget_events(struct watch *watch)
{
    char events[EVENTS_SIZE];

    while (watch->fd >= 0 && read(watch->fd, events, sizeof events) > 0)
        continue;
}

#else

void watch_open(struct watch *watch, const char *path)
{
    (void)path;
    *watch = (struct watch){.fd = -1, .file = -1};
}

void watch_file(struct watch *watch, int fd)
{
    (void)watch;
    (void)fd;
}

static void forget_events(struct watch *watch)
{
    (void)watch;
}

#endif

int64_t watch_patience(const struct watch *watch)
{
    return watch->fd >= 0 && watch->file >= 0 ? LOOKS_WATCHED_US : LOOKS_ALONE_US;
}

static bool is_pipe(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

bool watch_wait(struct watch *watch, int64_t timeout_us)
{
    struct descriptor_set set = {0};
    struct timeval timeout = {.tv_sec = (time_t)(timeout_us / SECOND_US),
                              .tv_usec = (suseconds_t)(timeout_us % SECOND_US)};
    /* The end of a pipe to which we write has something to read only if nobody reads the other. */
    int output = is_pipe(STDOUT_FILENO) ? STDOUT_FILENO : -1;
    int highest = watch->fd > output ? watch->fd : output;
    bool there = true;

    if (highest < 0 || descriptor_set_grow(&set, highest)) {
        if (watch->fd >= 0)
            descriptor_set_add(&set, watch->fd);
        if (output >= 0)
            descriptor_set_add(&set, output);
        int ready = select(highest + 1, descriptor_set_for_select(&set), NULL, NULL, &timeout);
        there = ready <= 0 || output < 0 || !descriptor_set_has(&set, output);
    }
    descriptor_set_free(&set);
    forget_events(watch);
    return there;
}

void watch_close(struct watch *watch)
{
    if (watch->fd >= 0)
        (void)close(watch->fd); /* it was only read */
    watch->fd = -1;
}
