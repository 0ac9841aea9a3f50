/*
 * listener.h: the sockets that connections come in by, from the moment that they are open, or
 * passed by the service manager, to their end. Which ones there shall be is listener_plan.h's.
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

/* One listening socket; a section has one for each address that its host has. */
struct listener {
    int fd; /* non-blocking; owned */
    const struct listener_settings *settings;
    struct address wanted;           /* what it was opened for: with port 0 where that was asked */
    struct unix_socket file;         /* of a Unix socket that we opened */
    char *passed_as;                 /* the name under which it was passed to us; NULL: not so */
    char address[ADDRESS_TEXT_SIZE]; /* as bound: with the port that the kernel chose */
};

/* A zeroed struct has none. */
struct listeners {
    struct listener *all;
    size_t count;
};

/* Makes room for `more` listeners. False with errno ENOMEM. */
bool listeners_make_room(struct listeners *listeners, size_t more) MUST_USE;

/* What the listener's socket is bound to. */
struct address listener_bound_address(const struct listener *listener);

/* The same, and sets the listener's `address` to that. */
struct address listener_note_address(struct listener *listener);

/* Brings what can change of an open socket (backlog, keepalive, permissions) to its settings. */
void listeners_refresh(const struct listeners *listeners);

/* Takes over sockets that were passed, for listeners_open(). False with errno ENOMEM. */
bool listeners_adopt(struct listeners *listeners, const struct activation *activation) MUST_USE;

/*
 * Makes the files of Unix sockets that we opened belong to a user and a group, all that it can.
 * NULL; or, with errno, the path of the first that does not.
 */
const char *listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid) MUST_USE;

/* Warns of Unix sockets whose folder we, as who we are now, may not remove them from at the end. */
void listeners_warn_of_leftovers(const struct listeners *listeners);

/* Closes those that are not in `but` (may be NULL) as well, and empties the list. */
void listeners_close(struct listeners *listeners, const struct listeners *but);

/* Whether one of them is `fd`. */
bool listeners_have(const struct listeners *listeners, int fd);

#endif
