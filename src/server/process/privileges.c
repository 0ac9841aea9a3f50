#include "server/process/privileges.h"

#include "common/number.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The highest number means "no change" in setresuid(2). */
static const uint64_t id_max = UINT32_MAX - 1;

/* If there is no such user, getpwnam(3) sets errno to 0 or one of several codes. */
static bool not_found(struct problem *problem, const char *what, const char *name, int error)
{
    if (error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM)
        return problem_set(problem, "%s %s: %s", what, name, strerror(error));
    return problem_set(problem, "there is no %s %s", what, name);
}

/* Copies the user's entry. False if the name is too long. */
static bool take_entry(const struct passwd *entry, struct identity *identity)
{
    if (strlen(entry->pw_name) >= sizeof identity->user)
        return false;
    memcpy(identity->user, entry->pw_name, strlen(entry->pw_name) + 1);
    identity->uid = entry->pw_uid;
    identity->gid = entry->pw_gid;
    return true;
}

static bool find_user(const char *user, struct identity *identity, struct problem *problem)
{
    uint64_t number;

    errno = 0;
    const struct passwd *entry = getpwnam(user);
    int error = errno;
    if (entry == NULL) {
        if (!number_parse(user, 10, 0, id_max, &number))
            return not_found(problem, "user", user, error);
        identity->uid = (uid_t)number;
        identity->gid = (gid_t)number;
        entry = getpwuid(identity->uid);
    }
    return entry == NULL || take_entry(entry, identity) ||
           problem_set(problem, "user %s: %s", user, strerror(ENAMETOOLONG));
}

static bool find_group(const char *group, struct identity *identity, struct problem *problem)
{
    uint64_t number;

    errno = 0;
    const struct group *entry = getgrnam(group);
    if (entry != NULL) {
        identity->gid = entry->gr_gid;
        return true;
    }
    int error = errno;
    if (!number_parse(group, 10, 0, id_max, &number))
        return not_found(problem, "group", group, error);
    identity->gid = (gid_t)number;
    return true;
}

bool privileges_find(const char *user, const char *group, struct identity *identity,
                     struct problem *problem)
{
    *identity = (struct identity){.uid = geteuid(), .gid = getegid()};
    return (*user == '\0' || find_user(user, identity, problem)) &&
           (*group == '\0' || find_group(group, identity, problem));
}

static bool is_identity(const struct identity *identity)
{
    uid_t real_uid, effective_uid, saved_uid;
    gid_t real_gid, effective_gid, saved_gid;

    return getresuid(&real_uid, &effective_uid, &saved_uid) == 0 &&
           getresgid(&real_gid, &effective_gid, &saved_gid) == 0 && real_uid == identity->uid &&
           effective_uid == identity->uid && saved_uid == identity->uid &&
           real_gid == identity->gid && effective_gid == identity->gid &&
           saved_gid == identity->gid;
}

/* Tries every way to become root again. True if one works. */
static bool can_return(const struct identity *identity)
{
    if (identity->uid == 0)
        return false; /* root was asked for */
    return setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 ||
           (identity->gid != 0 && (setgid(0) == 0 || setegid(0) == 0 || setgroups(0, NULL) == 0));
}

/* Sets the groups of a user with a name; otherwise the one group. */
static bool set_groups(const struct identity *identity)
{
    return *identity->user != '\0' ? initgroups(identity->user, identity->gid) == 0
                                   : setgroups(1, &identity->gid) == 0;
}

static bool has_group(const gid_t *groups, int count, gid_t group)
{
    for (int at = 0; at < count; at++)
        if (groups[at] == group)
            return true;
    return false;
}

/* Stores the groups of the identity, at most NGROUPS_MAX. Returns their number; -1: too many. */
static int groups_of(const struct identity *identity, gid_t *groups)
{
    int count = NGROUPS_MAX;

    groups[0] = identity->gid;
    if (*identity->user == '\0')
        return 1;
    return getgrouplist(identity->user, identity->gid, groups, &count) < 0 ? -1 : count;
}

/* Whether each supplementary group of the process is one of the identity's. */
static bool has_own_groups_only(const struct identity *identity)
{
    gid_t *groups = malloc(2 * NGROUPS_MAX * sizeof *groups);

    if (groups == NULL)
        return false;
    gid_t *own = groups + NGROUPS_MAX;
    int count = getgroups(NGROUPS_MAX, groups), own_count = groups_of(identity, own);
    bool only = count >= 0 && own_count >= 0;
    for (int at = 0; only && at < count; at++)
        only = has_group(own, own_count, groups[at]);
    free(groups);
    return only;
}

bool privileges_drop(const struct identity *identity, struct problem *problem)
{
    char uid[32], gid[32];

    (void)snprintf(uid, sizeof uid, "%lu", (unsigned long)identity->uid);
    (void)snprintf(gid, sizeof gid, "%lu", (unsigned long)identity->gid);
    const char *user = *identity->user != '\0' ? identity->user : uid;
    if (is_identity(identity) && has_own_groups_only(identity))
        return true;
    if (!set_groups(identity))
        return problem_set(problem, "cannot set the groups of user %s: %s", user, strerror(errno));
    if (setresgid(identity->gid, identity->gid, identity->gid) != 0)
        return problem_set(problem, "cannot become group %s: %s", gid, strerror(errno));
    if (setresuid(identity->uid, identity->uid, identity->uid) != 0)
        return problem_set(problem, "cannot become user %s: %s", user, strerror(errno));
    if (!is_identity(identity) || can_return(identity))
        return problem_set(problem, "became user %s, but could become root again", user);
    return true;
}
