#include "server/journal/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* F_SETLK never waits. A `size` of 0 means to infinity. */
static bool set(int fd, short type, off_t from, off_t size)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = size};

    if (fcntl(fd, F_SETLK, &lock) == 0)
        return true;
    if (errno == EACCES) /* POSIX allows either errno */
        errno = EAGAIN;
    return false;
}

bool journal_lock_take(int fd, off_t from)
{
    return set(fd, F_WRLCK, from, 0);
}

void journal_lock_move(int fd, off_t *from, off_t to)
{
    bool moved = to > *from ? set(fd, F_UNLCK, *from, to - *from)
                            : to == *from || set(fd, F_WRLCK, to, *from - to);

    if (moved) /* if not, readers see too little until the next commit */
        *from = to;
}

void journal_lock_drop(int fd)
{
    if (!set(fd, F_UNLCK, 0, 0)) {
        /* There was no lock: this kind of file cannot be locked. */
    }
}
