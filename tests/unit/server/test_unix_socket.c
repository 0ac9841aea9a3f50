/*
 * Why: somebody may remove the socket that a crash left at the very moment when the server looks at
 * it. The path is free then: nothing keeps the server from starting.
 */
#include "server/listener/unix_socket.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Which call finds that the file has just been removed. */
enum { NO_CALL, IN_LSTAT, IN_UNLINK };
static int removed_in;
static struct sockaddr_un name = {.sun_family = AF_UNIX};

static void remove_in(int call)
{
    if (removed_in == call) {
        removed_in = NO_CALL;
        assert_int_equal(unlinkat(AT_FDCWD, name.sun_path, 0), 0);
    }
}

/* In place of the library's. */
int lstat(const char *path, struct stat *status)
{
    remove_in(IN_LSTAT);
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int unlink(const char *path)
{
    remove_in(IN_UNLINK);
    return unlinkat(AT_FDCWD, path, 0);
}

/* A descriptor that listens at the path, which has a stale socket if it has any. */
static int listen_there(struct unix_socket *file)
{
    struct address address = {.size = sizeof name};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    memcpy(&address.storage, &name, sizeof name);
    assert_true(unix_socket_listen(fd, &address, 0600, 1, file));
    assert_false(unix_socket_is_gone(&address, file));
    return fd;
}

static void test_stale_socket(void **state)
{
    char folder[] = "/tmp/test_unix_socket.XXXXXX";
    struct unix_socket file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", folder);
    assert_int_equal(close(listen_there(&file)), 0); /* and the file stays */
    for (int call = NO_CALL; call <= IN_UNLINK; call++) {
        removed_in = call;
        assert_int_equal(close(listen_there(&file)), 0);
        assert_int_equal(removed_in, NO_CALL);
    }
    assert_int_equal(unlink(name.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stale_socket)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
