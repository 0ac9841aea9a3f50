/*
 * privileges.h: changes to the configured user and group permanently. For a server that is started
 * as root to bind a low port, by a service manager that cannot change the user itself.
 */
#ifndef TCPACK_SERVER_PROCESS_PRIVILEGES_H
#define TCPACK_SERVER_PROCESS_PRIVILEGES_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <sys/types.h>

/* Bytes for a user's name and a NUL: LOGIN_NAME_MAX of Linux. */
enum { PRIVILEGES_NAME_SIZE = 256 };

struct identity {
    char user[PRIVILEGES_NAME_SIZE]; /* its name; "": no name, or only the group changes */
    uid_t uid;
    gid_t gid;
};

/*
 * Looks up `user` and `group`, which are names or numbers. User "" is the current user. Group "" is
 * the primary group of `user` or, if that is "", the current group. False with the reason in
 * `problem`.
 */
bool privileges_find(const char *user, const char *group, struct identity *identity,
                     struct problem *problem) MUST_USE;

/*
 * Sets the supplementary groups and the real, effective and saved gid and uid to the identity's,
 * then checks that the process cannot become root again. Does nothing if the process already has
 * this identity and no other groups. False with the reason in `problem`: the process must end.
 */
bool privileges_drop(const struct identity *identity, struct problem *problem) MUST_USE;

#endif
