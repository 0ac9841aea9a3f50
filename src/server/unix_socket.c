#include "server/unix_socket.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un name_of(const struct address *address)
{
    struct sockaddr_un name;

    memcpy(&name, &address->storage, sizeof name); /* a storage may not be read as another type */
    return name;
}

/* bind() makes the file with all permissions that the umask leaves. */
static bool bind_with_mode(int fd, const struct address *address, mode_t mode)
{
    mode_t saved = umask(0777 & ~mode);
    bool bound = bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0;

    (void)umask(saved); /* returns the one before, always */
    return bound;
}

/*
 * Whether at the path is a socket on which nobody listens. Leaves errno EADDRINUSE otherwise, or
 * EEXIST where it is no socket.
 */
static bool is_stale(const struct address *address)
{
    const struct sockaddr_un name = name_of(address);
    struct stat status;
    bool stale = false;

    if (lstat(name.sun_path, &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) {
            errno = EEXIST;
            return false;
        }
        /* Non-blocking: one that is alive and has a full backlog says EAGAIN. */
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

bool unix_socket_bind(int fd, const struct address *address, mode_t mode, struct unix_socket *file)
{
    const struct sockaddr_un name = name_of(address);
    struct stat status;

    if (!bind_with_mode(fd, address, mode) &&
        (errno != EADDRINUSE || !is_stale(address) || unlink(name.sun_path) != 0 ||
         !bind_with_mode(fd, address, mode)))
        return false;
    if (lstat(name.sun_path, &status) != 0)
        return false;
    *file = (struct unix_socket){status.st_dev, status.st_ino};
    return true;
}

/* Whether at the path is the file that was bound. False with errno. */
static bool is_ours(const struct sockaddr_un *name, const struct unix_socket *file)
{
    struct stat status;

    if (lstat(name->sun_path, &status) != 0)
        return false;
    errno = ENOENT; /* for another one */
    return status.st_dev == file->device && status.st_ino == file->inode;
}

bool unix_socket_is_gone(const struct address *address, const struct unix_socket *file)
{
    const struct sockaddr_un name = name_of(address);

    return !is_ours(&name, file) && errno == ENOENT;
}

bool unix_socket_set_mode(const struct address *address, const struct unix_socket *file,
                          mode_t mode)
{
    const struct sockaddr_un name = name_of(address);

    return is_ours(&name, file) && chmod(name.sun_path, mode) == 0;
}

bool unix_socket_give(const struct address *address, uid_t uid, gid_t gid)
{
    const struct sockaddr_un name = name_of(address);

    return lchown(name.sun_path, uid, gid) == 0;
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
