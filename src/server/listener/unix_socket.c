#include "server/listener/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_un name_of(const struct address *address)
{
    struct sockaddr_un name;

    memcpy(&name, &address->storage, sizeof name); /* aliasing rules forbid a cast */
    return name;
}

/* bind() creates the file with all permissions that the umask allows. */
static bool bind_with_mode(int fd, const struct address *address, mode_t mode)
{
    mode_t saved = umask(0777 & ~mode);
    bool bound = bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0;

    (void)umask(saved); /* always succeeds */
    return bound;
}

/*
 * Whether the file at the path is a socket on which no process listens, or is gone. False with
 * errno EADDRINUSE, or EEXIST if it is not a socket.
 */
static bool is_stale(const struct address *address)
{
    const struct sockaddr_un name = name_of(address);
    struct stat status;
    bool stale = false;
    bool is_there = lstat(name.sun_path, &status) == 0;

    if (!is_there && errno == ENOENT)
        return true;
    if (is_there) {
        if (!S_ISSOCK(status.st_mode)) {
            errno = EEXIST;
            return false;
        }
        /* Non-blocking: a live one with a full backlog fails with EAGAIN. */
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return false;
        stale = connect(fd, (const struct sockaddr *)&address->storage, address->size) != 0 &&
                errno == ECONNREFUSED;
        (void)close(fd); /* nothing was sent */
    }
    errno = EADDRINUSE;
    return stale;
}

/* Somebody else may have removed it. */
static bool remove_stale(const struct sockaddr_un *name)
{
    return unlink(name->sun_path) == 0 || errno == ENOENT;
}

/* Opens the directory of the socket. -1 with errno. */
static int open_directory(const struct address *address)
{
    struct sockaddr_un name = name_of(address);

    return open(dirname(name.sun_path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Locks the directory, so that no other server takes this socket for a stale one between bind() and
 * listen(). Tries for two seconds only: any process that can read the directory can lock it.
 * Returns a descriptor that the caller closes; -1 without a lock, and *busy tells whether another
 * process has it.
 */
static int lock_directory(const struct address *address, bool *busy)
{
    enum { TRIES = 200, PAUSE_NS = 10 * 1000 * 1000 };
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int fd = open_directory(address);

    *busy = false;
    for (int tries = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        *busy = errno == EWOULDBLOCK && tries == TRIES;
        if ((errno != EWOULDBLOCK && errno != EINTR) || *busy) {
            (void)close(fd); /* nothing was written */
            return -1;       /* some file systems have no locks */
        }
        (void)nanosleep(&pause, NULL); /* a signal ends it early, which is fine */
    }
    return fd;
}

/* An O_PATH descriptor of the socket at the path, with its identity and mode; -1 with errno. */
static int open_file(const struct sockaddr_un *name, struct unix_socket *file, mode_t *mode)
{
    struct stat status;
    int fd = open(name->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        (void)close(fd); /* nothing was written */
        errno = EEXIST;
        return -1;
    }
    *file = (struct unix_socket){status.st_dev, status.st_ino};
    *mode = status.st_mode & 07777;
    return fd;
}

/* The same for the file that was bound. -1 with errno; ENOENT: there is another file. */
static int open_ours(const struct address *address, const struct unix_socket *file, mode_t *mode)
{
    const struct sockaddr_un name = name_of(address);
    struct unix_socket found;
    int fd = open_file(&name, &found, mode);

    if (fd >= 0 && found.device == file->device && found.inode == file->inode)
        return fd;
    if (fd >= 0) {
        (void)close(fd); /* nothing was written */
        errno = ENOENT;
    }
    return -1;
}

/* Binds and listens. The directory is locked, if possible. */
static bool listen_locked(int fd, const struct address *address, mode_t mode, int backlog,
                          struct unix_socket *file)
{
    const struct sockaddr_un name = name_of(address);

    if (!bind_with_mode(fd, address, mode) &&
        (errno != EADDRINUSE || !is_stale(address) || !remove_stale(&name) ||
         !bind_with_mode(fd, address, mode)))
        return false;
    int path = open_file(&name, file, &mode);
    if (path < 0)
        return false;
    (void)close(path); /* nothing was written */
    return listen(fd, backlog) == 0;
}

bool unix_socket_listen(int fd, const struct address *address, mode_t mode, int backlog,
                        struct unix_socket *file)
{
    bool busy;
    int directory = lock_directory(address, &busy);

    if (busy) {
        errno = EADDRINUSE;
        return false;
    }
    bool listens = listen_locked(fd, address, mode, backlog, file);
    int saved = errno;
    if (directory >= 0) {
        (void)flock(directory, LOCK_UN); /* cannot fail, unlike close() */
        (void)close(directory);          /* nothing was written */
    }
    errno = saved;
    return listens;
}

/* Whether the file that was bound is still at the path. False with errno. */
static bool is_ours(const struct sockaddr_un *name, const struct unix_socket *file)
{
    struct stat status;

    if (lstat(name->sun_path, &status) != 0)
        return false;
    errno = ENOENT; /* for another file */
    return status.st_dev == file->device && status.st_ino == file->inode;
}

bool unix_socket_is_gone(const struct address *address, const struct unix_socket *file)
{
    const struct sockaddr_un name = name_of(address);

    return !is_ours(&name, file) && errno == ENOENT;
}

/* chmod() of the file of an O_PATH descriptor, which fchmod() does not accept. */
static bool change_mode(int fd, mode_t mode)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return chmod(path, mode) == 0;
}

bool unix_socket_set_mode(const struct address *address, const struct unix_socket *file,
                          mode_t mode)
{
    mode_t now;
    int fd = open_ours(address, file, &now);

    if (fd < 0)
        return false;
    bool done = now == mode || change_mode(fd, mode);
    int saved = errno;
    (void)close(fd); /* nothing was written */
    errno = saved;
    return done;
}

bool unix_socket_give(const struct address *address, const struct unix_socket *file, uid_t uid,
                      gid_t gid)
{
    mode_t mode;
    int fd = open_ours(address, file, &mode);

    if (fd < 0)
        return false;
    bool done = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0;
    int saved = errno;
    (void)close(fd); /* nothing was written */
    errno = saved;
    return done;
}

bool unix_socket_may_remove(const struct address *address)
{
    struct sockaddr_un name = name_of(address);

    return access(dirname(name.sun_path), W_OK | X_OK) == 0;
}

bool unix_socket_remove(const struct address *address, const struct unix_socket *file)
{
    const struct sockaddr_un name = name_of(address);

    return is_ours(&name, file) && unlink(name.sun_path) == 0;
}
