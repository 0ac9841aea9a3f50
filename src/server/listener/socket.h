/*
 * socket.h: opens one listening socket, with the options that its connections inherit. Only plan.c
 * and listener.c decide which sockets there are.
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
 * Opens a non-blocking socket that listens on the address, with the options of the section
 * `config`. Sets *file for a Unix socket. `beside`: the address may overlap with that of sockets
 * for which listener_socket_share() was called. The caller closes the socket. -1 with errno.
 */
int listener_socket_open(const struct address *address, const struct config_listener *config,
                         bool beside, struct unix_socket *file) MUST_USE;

/* Allows or forbids other sockets to use the same port (SO_REUSEPORT). False with errno. */
bool listener_socket_share(int fd, bool share) MUST_USE;

/*
 * Sets the options of a TCP socket that accepted connections inherit (tcp(7)); after a reload, also
 * those of an accepted one. Replies are sent at once. A silent peer that is gone is detected within
 * twice the keepalive time after its last packet. While replies are unconfirmed the kernel sends no
 * probes; see connection_note_confirmed(). False with errno.
 */
bool listener_socket_set_inherited(int fd, const struct config_listener *config) MUST_USE;

/*
 * Makes urgent data (MSG_OOB) part of the stream (RFC 6093); FIONREAD then counts it. Accepted Unix
 * sockets do not inherit this option; for TCP, listener_socket_set_inherited() sets it. False with
 * errno.
 */
bool listener_socket_keep_urgent(int fd) MUST_USE;

/*
 * The longest backlog that the kernel allows (net.core.somaxconn on Linux); 0: unknown.
 */
uint64_t listener_backlog_limit(void);

#endif
