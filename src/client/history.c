#include "client/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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
            return false; /* /nonexistent, say: a home is made by who adds the user */
        return buffer_printf(path, "%s/.local/state/tcpack/history", home) &&
               buffer_append(path, "", 1);
    }
    errno = ENOENT;
    return false;
}

/* Makes each directory of the path that is missing. */
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

bool history_prepare(struct buffer *path)
{
    if (!append_path(path) || !make_directories((char *)path->bytes))
        return false;
    int fd = open((const char *)path->bytes, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ours = fchmod(fd, 0600) == 0;
    int saved = errno;
    (void)close(fd); /* nothing was written to it */
    errno = saved;
    return ours;
}
