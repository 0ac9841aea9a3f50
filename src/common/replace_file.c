#include "common/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0644 };

/* Whether the path is free or a regular file: rename() would replace even /dev/null. */
static bool may_replace(const char *path, struct problem *problem)
{
    struct stat status;

    if (lstat(path, &status) == 0) {
        return S_ISREG(status.st_mode) ||
               problem_set(problem, "there is something other than a regular file");
    }
    return errno == ENOENT || problem_set(problem, "%s", strerror(errno));
}

/* Removes a file that is no longer needed; preserves errno. */
static void discard(const char *path)
{
    int saved = errno;

    if (unlink(path) != 0) {
        /* The next replacement removes it. */
    }
    errno = saved;
}

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written < 0 ? 0 : written;
        size -= written < 0 ? 0 : (size_t)written;
    }
    return true;
}

/* Makes the file `name`; a crash may have left an old one. -1 with errno. */
static int make_file(const char *name, const struct replacement *replacement)
{
    if (unlink(name) != 0 && errno != ENOENT)
        return -1;
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (fd < 0)
        return -1;
    if (fchmod(fd, MODE) == 0 && write_all(fd, replacement->bytes, replacement->size) &&
        (!replacement->synced || fsync(fd) == 0))
        return fd;
    discard(name);
    int saved = errno;
    (void)close(fd); /* errno is that of the failure before */
    errno = saved;
    return -1;
}

/* Makes the file `name` and renames it. -1 with errno. */
static int replace_by(const char *name, const struct replacement *replacement)
{
    int fd = make_file(name, replacement);

    if (fd < 0)
        return -1;
    if (rename(name, replacement->path) == 0)
        return fd;
    discard(name);
    int saved = errno;
    (void)close(fd); /* errno is that of the failure before */
    errno = saved;
    return -1;
}

int replace_file(const struct replacement *replacement, struct problem *problem)
{
    size_t size = strlen(replacement->path) + strlen(replacement->suffix) + 1;
    char *name = malloc(size);
    int fd = -1;

    if (name == NULL) {
        problem_set(problem, "%s", strerror(errno));
        return -1;
    }
    (void)snprintf(name, size, "%s%s", replacement->path, replacement->suffix);
    if (may_replace(replacement->path, problem) && may_replace(name, problem)) {
        fd = replace_by(name, replacement);
        if (fd < 0)
            problem_set(problem, "%s", strerror(errno));
    }
    free(name);
    return fd;
}

bool replace_file_remove(const char *path, struct problem *problem)
{
    if (!may_replace(path, problem))
        return false;
    if (unlink(path) == 0 || errno == ENOENT)
        return true;
    return problem_set(problem, "%s", strerror(errno));
}

bool sync_directory_of(const char *path)
{
    char *real = realpath(path, NULL);
    int fd = real == NULL ? -1 : open(dirname(real), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int saved = errno;

    if (fd >= 0)
        (void)close(fd); /* nothing was written through it */
    free(real);
    errno = saved;
    return synced;
}
