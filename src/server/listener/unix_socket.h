/*
 * unix_socket.h: the file of a listening Unix socket: made with the permissions asked for, replaced
 * where a server that is gone left it behind, and removed at the end.
 */
#ifndef TCPACK_SERVER_LISTENER_UNIX_SOCKET_H
#define TCPACK_SERVER_LISTENER_UNIX_SOCKET_H

#include "common/address.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/* Which file it is: at its path there may be another one later. */
struct unix_socket {
    dev_t device;
    ino_t inode;
};

/*
 * Binds `fd`, a Unix stream socket, and listens. A socket file on which nobody listens is replaced;
 * of several servers that start at once one gets the path. False with errno: EADDRINUSE if another
 * server has the path; EEXIST if there is a file that is no socket, which stays.
 */
bool unix_socket_listen(int fd, const struct address *address, mode_t mode, int backlog,
                        struct unix_socket *file) MUST_USE;

/* Whether somebody has removed the file, or put another one in its place. */
bool unix_socket_is_gone(const struct address *address, const struct unix_socket *file);

/*
 * These two change the permissions and the owner of the file if it is still the one that was bound,
 * and nothing else that somebody puts at its path meanwhile. False with errno.
 */
bool unix_socket_set_mode(const struct address *address, const struct unix_socket *file,
                          mode_t mode) MUST_USE;
bool unix_socket_give(const struct address *address, const struct unix_socket *file, uid_t uid,
                      gid_t gid) MUST_USE;

/* Whether the folder lets us remove the file. False with errno. */
bool unix_socket_may_remove(const struct address *address) MUST_USE;

/* Removes the file where it is still the one that was bound. False with errno, ENOENT too. */
bool unix_socket_remove(const struct address *address, const struct unix_socket *file);

#endif
