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

/* Whether it can be a history: not a device (perhaps /dev/null), a FIFO or another user's file. */
static bool is_suitable(const struct stat *status, struct problem *problem)
{
    if (!S_ISREG(status->st_mode))
        return problem_set(problem, "it is not a regular file");
    return status->st_uid == geteuid() || problem_set(problem, "it belongs to another user");
}

/*
 * Opens the file for writing and creates it if it is missing. Does not open a device, because even
 * opening one can have an effect. Returns a descriptor, or -1 with the reason in `problem`.
 */
static int open_own(const char *path, struct problem *problem)
{
    struct stat status;

    if (stat(path, &status) == 0 && !is_suitable(&status, problem))
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    bool examined = fd >= 0 && fstat(fd, &status) == 0;
    if (examined && !is_suitable(&status, problem)) { /* it may have been replaced since stat() */
        (void)close(fd);                              /* nothing was written to it */
        return -1;
    }
    if (examined && fchmod(fd, 0600) == 0)
        return fd;
    problem_set(problem, "%s", strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return -1;
}

bool history_prepare(struct buffer *path, struct problem *problem)
{
    if (!append_path(path) || !make_directories((char *)path->bytes))
        return problem_set(problem, "%s", strerror(errno));
    int fd = open_own((const char *)path->bytes, problem);
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return fd >= 0;
}

FILE *history_rewrite(const char *path)
{
    struct problem problem;
    int fd = open_own(path, &problem);
    FILE *file = fd >= 0 && ftruncate(fd, 0) == 0 ? fdopen(fd, "w") : NULL;

    if (file == NULL && fd >= 0)
        (void)close(fd); /* nothing was written to it */
    return file;
}
