/*
 * Why: a server that only believes that it gave up root is worse than one that never tried. In
 * separate processes, the tests drop root and try to get it back, also with a kernel setting that
 * allows it, which must be noticed.
 */
#include "server/process/privileges.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/securebits.h>
#include <sys/prctl.h>
#endif

#include <cmocka.h>

static void test_unknown(void **state)
{
    struct identity identity;
    struct problem problem;

    (void)state;
    assert_false(privileges_find("no-such-user", "", &identity, &problem));
    assert_string_equal(problem.text, "there is no user no-such-user");
    assert_false(privileges_find("", "no-such-group", &identity, &problem));
    assert_string_equal(problem.text, "there is no group no-such-group");
    assert_false(privileges_find("4294967295", "", &identity, &problem));
    assert_string_equal(problem.text, "there is no user 4294967295");
}

static void test_found(void **state)
{
    struct identity identity;
    struct problem problem;

    (void)state;
    assert_true(privileges_find("", "", &identity, &problem));
    assert_int_equal(identity.uid, geteuid());
    assert_int_equal(identity.gid, getegid());
    assert_true(privileges_find("root", "", &identity, &problem));
    assert_int_equal(identity.uid, 0);
    assert_int_equal(identity.gid, 0);
    assert_string_equal(identity.user, "root");
    assert_true(privileges_find("0", "", &identity, &problem));
    assert_string_equal(identity.user, "root"); /* the name is needed for its groups */
    assert_true(privileges_find("12345", "54321", &identity, &problem));
    assert_string_equal(identity.user, "");
    assert_int_equal(identity.uid, 12345);
    assert_int_equal(identity.gid, 54321);
}

static void test_nothing_to_drop(void **state)
{
    struct identity identity;
    struct problem problem;

    (void)state;
    assert_true(privileges_find("", "", &identity, &problem));
    assert_true(privileges_drop(&identity, &problem));
}

/* Runs `part` in a separate process. True if it returned true. */
static int runs(int (*part)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(part() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int drop_to(const char *user, const char *group, struct problem *problem)
{
    struct identity identity;

    return privileges_find(user, group, &identity, problem) && privileges_drop(&identity, problem);
}

static int drops_for_good(void)
{
    struct problem problem;
    gid_t groups[64];

    if (!drop_to("12345", "54321", &problem))
        return 0;
    return getuid() == 12345 && getgid() == 54321 && setuid(0) != 0 && setgid(0) != 0 &&
           getgroups(64, groups) == 1 && groups[0] == 54321;
}

static int takes_users_groups(void)
{
    struct problem problem;
    gid_t groups[64];
    gid_t before[] = {0, 4711};

    if (setgroups(2, before) != 0 || !drop_to("nobody", "", &problem))
        return 0;
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == 4711 || groups[i] == 0)
            return 0;
    return count >= 0 && getuid() != 0;
}

#ifdef SECBIT_NO_SETUID_FIXUP
static int notices_way_back(void)
{
    struct problem problem = {""};

    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0)
        return 0;
    return !drop_to("12345", "54321", &problem) &&
           strcmp(problem.text, "became user 12345, but could become root again") == 0;
}
#endif

static int refuses_without_root(void)
{
    struct problem problem = {""};

    if (geteuid() == 0 && !drop_to("12345", "54321", &problem))
        return 0;
    return !drop_to("root", "", &problem) &&
           strcmp(problem.text, "cannot set the groups of user root: Operation not permitted") == 0;
}

static void test_drop(void **state)
{
    (void)state;
    assert_true(runs(refuses_without_root));
    if (geteuid() != 0) {
        print_message("not run as root: only root has something to give up\n");
        return;
    }
    assert_true(runs(drops_for_good));
    assert_true(runs(takes_users_groups));
#ifdef SECBIT_NO_SETUID_FIXUP
    assert_true(runs(notices_way_back));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_nothing_to_drop),
        cmocka_unit_test(test_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
