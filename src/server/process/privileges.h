/*
 * privileges.h: becomes the user and group of the configuration, for good. For a server that was
 * started as root to bind a low port, by a service manager that cannot change the user itself.
 */
#ifndef TCPACK_SERVER_PROCESS_PRIVILEGES_H
#define TCPACK_SERVER_PROCESS_PRIVILEGES_H

#include "common/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/* Bytes that hold a user's name: Linux's LOGIN_NAME_MAX. */
enum { PRIVILEGES_NAME_SIZE = 256 };

struct identity {
    char user[PRIVILEGES_NAME_SIZE]; /* its name; "": it has none, or only the group changes */
    uid_t uid;
    gid_t gid;
};

/* Bytes that hold any problem of these functions. Longer ones are cut. */
enum { PRIVILEGES_PROBLEM_SIZE = 512 };

/*
 * Looks up `user` and `group`, names or numbers. "" for the user is the one that we are; "" for the
 * group is the user's own, or the one that we are in where there is no user. False, and `problem`
 * says why.
 */
bool privileges_find(const char *user, const char *group, struct identity *identity,
                     char problem[PRIVILEGES_PROBLEM_SIZE]) MUST_USE;

/*
 * Gives up what is not the identity's: supplementary groups, gid, uid (real, effective, saved), and
 * then tries to get root back, which must fail. Nothing to do where we are it already, in
 * no group but its own. False, and
 * `problem` says why: the process must not go on.
 */
bool privileges_drop(const struct identity *identity,
                     char problem[PRIVILEGES_PROBLEM_SIZE]) MUST_USE;

#endif
