/*
 * listener_socket.h: one listening socket, with the options that its connections inherit. Used by
 * listener.c, which knows which sockets there should be.
 */
#ifndef TCPACK_SERVER_LISTENER_SOCKET_H
#define TCPACK_SERVER_LISTENER_SOCKET_H

#include "common/address.h"
#include "common/compiler.h"
#include "common/config/config.h"
#include "server/listener/unix_socket.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A non-blocking socket that listens on the address as the section says; of a Unix socket, *file is
 * set. -1 with errno. `beside`: also where sockets that listener_socket_share() was called for have
 * the address, or a part of it.
 */
int listener_socket_open(const struct address *address, const struct config_listener *config,
                         bool beside, struct unix_socket *file) MUST_USE;

/* Lets another socket have the port, too, or not any more. False with errno. */
bool listener_socket_share(int fd, bool share) MUST_USE;

/*
 * What accepted connections inherit (tcp(7)), or one that was accepted, after a reload: replies
 * leave at once, and a silent peer that is gone is found twice the keepalive time after it was last
 * heard of. With replies under way the kernel does not ask; see connection_note_confirmed(). For a
 * socket of TCP. False with errno.
 */
bool listener_socket_set_inherited(int fd, const struct config_listener *config) MUST_USE;

/*
 * Urgent data (MSG_OOB) becomes part of the stream, as RFC 6093 wants, and FIONREAD counts it. What
 * listener_socket_set_inherited() does for TCP, an accepted Unix socket needs by itself. False with
 * errno.
 */
bool listener_socket_keep_urgent(int fd) MUST_USE;

/*
 * What the kernel makes of a longer backlog (net.core.somaxconn on Linux); 0 where it does not say.
 */
uint64_t listener_backlog_limit(void);

#endif
