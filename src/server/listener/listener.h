/*
 * listener.h: listening sockets, from the moment that they are open (or were passed by the service
 * manager) to their end. plan.h decides which sockets there must be.
 */
#ifndef TCPACK_SERVER_LISTENER_LISTENER_H
#define TCPACK_SERVER_LISTENER_LISTENER_H

#include "common/address.h"
#include "common/compiler.h"
#include "server/listener/activation.h"
#include "server/listener/unix_socket.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One listening socket. A section has one for each address of its host. */
struct listener {
    int fd; /* non-blocking; owned */
    const struct listener_settings *settings;
    struct address wanted;           /* what the section asks for; the port may be 0 */
    struct unix_socket file;         /* of a Unix socket that this process opened */
    char *passed_as;                 /* its name if it was passed, owned; NULL: it was not */
    char address[ADDRESS_TEXT_SIZE]; /* as bound, with the port that the kernel chose */
};

/* A zeroed struct is an empty list. */
struct listeners {
    struct listener *all;
    size_t count;
};

/* Makes room for `more` listeners. False with errno ENOMEM. */
bool listeners_make_room(struct listeners *listeners, size_t more) MUST_USE;

/* The address to which the listener's socket is bound. */
struct address listener_bound_address(const struct listener *listener);

/* The same, and stores its text in the listener's `address`. */
struct address listener_note_address(struct listener *listener);

/* Logs that the listener is open, and its section if that has a name. */
void listener_log_start(const struct listener *listener);

/*
 * Whether the socket was passed, and its section sets another host or port, which have no effect. A
 * host that is a name counts as another one.
 */
bool listener_overrides(const struct listener *listener) MUST_USE;

/* Warns that the section's host and port have no effect. */
void listener_warn_overridden(const struct listener *listener);

/* Applies the settings to the open sockets: backlog, keepalive, permissions. Logs failures. */
void listeners_refresh(const struct listeners *listeners);

/* Adds sockets that were passed, for listeners_open(). False with errno ENOMEM. */
bool listeners_adopt(struct listeners *listeners, const struct activation *activation) MUST_USE;

/*
 * Gives the files of Unix sockets that this process opened to a user and a group. Continues after a
 * failure. Returns NULL, or with errno the path of the first file that failed.
 */
const char *listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid) MUST_USE;

/* Warns of Unix sockets that the current user may not remove from their directory later. */
void listeners_warn_of_leftovers(const struct listeners *listeners);

/* Closes the listeners that are not in `but` (NULL: all), and empties the list. */
void listeners_close(struct listeners *listeners, const struct listeners *but);

/* Whether `fd` is the socket of one of the listeners. */
bool listeners_have(const struct listeners *listeners, int fd);

#endif
