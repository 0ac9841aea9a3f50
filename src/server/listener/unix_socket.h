/*
 * unix_socket.h: the file of a listening Unix socket. It is created with the configured
 * permissions, replaces the file of a server that is gone, and is removed at the end.
 */
#ifndef TCPACK_SERVER_LISTENER_UNIX_SOCKET_H
#define TCPACK_SERVER_LISTENER_UNIX_SOCKET_H

#include "common/address.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/* The identity of the file: there may be another one at its path later. */
struct unix_socket {
    dev_t device;
    ino_t inode;
};

/*
 * Binds `fd`, a Unix stream socket, listens, and sets *file. Replaces a socket file on which no
 * process listens. If several servers start at once, one of them gets the path. False with errno;
 * EADDRINUSE: another server has the path; EEXIST: the file there is not a socket, and stays.
 */
bool unix_socket_listen(int fd, const struct address *address, mode_t mode, int backlog,
                        struct unix_socket *file) MUST_USE;

/* Whether the file was removed or replaced. */
bool unix_socket_is_gone(const struct address *address, const struct unix_socket *file);

/*
 * Change the permissions or the owner of the file that was bound, but never of another file that
 * was put at its path. False with errno.
 */
bool unix_socket_set_mode(const struct address *address, const struct unix_socket *file,
                          mode_t mode) MUST_USE;
bool unix_socket_give(const struct address *address, const struct unix_socket *file, uid_t uid,
                      gid_t gid) MUST_USE;

/* Whether this process may remove files from the directory. False with errno. */
bool unix_socket_may_remove(const struct address *address) MUST_USE;

/* Removes the file if it is still the one that was bound. False with errno; ENOENT: it is not. */
bool unix_socket_remove(const struct address *address, const struct unix_socket *file);

#endif
