#include "client/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool append_path(struct buffer *path)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (state != NULL && state[0] == '/')
        return buffer_printf(path, "%s/tcpack/history", state) && buffer_append(path, "", 1);
    if (home != NULL && home[0] == '/') {
        if (access(home, F_OK) != 0)
            return false; /* such as /nonexistent: do not create a home directory */
        return buffer_printf(path, "%s/.local/state/tcpack/history", home) &&
               buffer_append(path, "", 1);
    }
    errno = ENOENT;
    return false;
}

/* Creates the missing directories of the path. */
static bool make_directories(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        bool there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
        if (!there)
            return false;
    }
    return true;
}

/* Returns NULL, or why the file cannot keep the history: a device, a FIFO, another user's file. */
static const char *why_unsuitable(const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return "it is not a regular file";
    return status->st_uid == geteuid() ? NULL : "it belongs to another user";
}

/*
 * Opens the file for writing and creates it if it is missing. Does not open a device, because even
 * opening one can have an effect. Returns a descriptor, or -1 and *problem.
 */
static int open_own(const char *path, const char **problem)
{
    struct stat status;

    *problem = stat(path, &status) == 0 ? why_unsuitable(&status) : NULL;
    if (*problem != NULL)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd >= 0 && fstat(fd, &status) == 0)
        *problem = why_unsuitable(&status); /* it may have been replaced since stat() */
    if (fd >= 0 && *problem == NULL && fchmod(fd, 0600) == 0)
        return fd;
    if (*problem == NULL)
        *problem = strerror(errno);
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return -1;
}

const char *history_prepare(struct buffer *path)
{
    const char *problem;

    if (!append_path(path) || !make_directories((char *)path->bytes))
        return strerror(errno);
    int fd = open_own((const char *)path->bytes, &problem);
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return problem;
}

FILE *history_rewrite(const char *path)
{
    const char *problem;
    int fd = open_own(path, &problem);
    FILE *file = fd >= 0 && ftruncate(fd, 0) == 0 ? fdopen(fd, "w") : NULL;

    if (file == NULL && fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return file;
}
