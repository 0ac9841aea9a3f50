/*
 * Why: a server that takes descriptors meant for another process, or mixes up their names, listens
 * on the wrong address. The environment is parsed strictly, each descriptor is checked, and
 * anything but a listening socket is refused.
 */
#include "server/listener/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void set_environment(const char *pid, const char *count, const char *names)
{
    assert_int_equal(pid == NULL ? unsetenv("LISTEN_PID") : setenv("LISTEN_PID", pid, 1), 0);
    assert_int_equal(count == NULL ? unsetenv("LISTEN_FDS") : setenv("LISTEN_FDS", count, 1), 0);
    assert_int_equal(
        names == NULL ? unsetenv("LISTEN_FDNAMES") : setenv("LISTEN_FDNAMES", names, 1), 0);
}

static const char *own_pid(void)
{
    static char pid[32];

    assert_true(snprintf(pid, sizeof pid, "%ld", (long)getpid()) > 0);
    return pid;
}

/* Puts a listening socket (or one that does not listen) at descriptor `fd`. */
static void put_socket(int fd, int type, int listens)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int socket_fd = socket(AF_UNIX, type, 0);

    assert_true(socket_fd >= 0);
    assert_int_equal(bind(socket_fd, (const struct sockaddr *)&any, sizeof any.sun_family), 0);
    if (listens)
        assert_int_equal(listen(socket_fd, 1), 0);
    if (socket_fd != fd) {
        assert_int_equal(dup2(socket_fd, fd), fd);
        assert_int_equal(close(socket_fd), 0);
    }
}

static void assert_none(void)
{
    struct activation activation;
    struct problem problem;

    assert_true(activation_take(&activation, &problem));
    assert_int_equal(activation.count, 0);
    assert_null(activation.sockets);
    assert_null(getenv("LISTEN_FDS"));
}

static void assert_problem(const char *expected)
{
    struct activation activation;
    struct problem problem;

    assert_false(activation_take(&activation, &problem));
    assert_string_equal(problem.text, expected);
    assert_int_equal(activation.count, 0);
}

static void test_nothing_passed(void **state)
{
    (void)state;
    set_environment(NULL, NULL, NULL);
    assert_none();
    set_environment(own_pid(), NULL, NULL);
    assert_none();
    set_environment(NULL, "1", NULL);
    assert_none();
    set_environment("1", "1", "x");
    assert_none();
    set_environment(own_pid(), "0", NULL);
    assert_none();
}

static void test_sockets_and_names(void **state)
{
    static const char *const names[] = {"first", "", "third"};
    struct activation activation;
    struct problem problem;

    (void)state;
    for (int fd = 3; fd < 6; fd++)
        put_socket(fd, SOCK_STREAM, 1);
    set_environment(own_pid(), "3", "first::third");
    assert_true(activation_take(&activation, &problem));
    assert_int_equal(activation.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(activation.sockets[i].fd, 3 + i);
        assert_string_equal(activation.sockets[i].name, names[i]);
        assert_true((fcntl(3 + i, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(3 + i, F_GETFD) & FD_CLOEXEC) != 0);
    }
    activation_free(&activation);
    assert_none(); /* taken once */

    set_environment(own_pid(), "2", NULL);
    assert_true(activation_take(&activation, &problem));
    assert_int_equal(activation.count, 2);
    assert_string_equal(activation.sockets[1].name, "");
    activation_free(&activation);
    for (int fd = 3; fd < 6; fd++)
        assert_int_equal(close(fd), 0);
}

static void test_refused(void **state)
{
    (void)state;
    set_environment("x", "1", NULL);
    assert_problem("LISTEN_PID is not a process number");
    set_environment(own_pid(), "many", NULL);
    assert_problem("LISTEN_FDS is not a number from 0 to 1024");
    set_environment(own_pid(), "1025", NULL);
    assert_problem("LISTEN_FDS is not a number from 0 to 1024");
    set_environment(own_pid(), "1", NULL);
    assert_problem("descriptor 3: Bad file descriptor");

    put_socket(3, SOCK_STREAM, 1);
    put_socket(4, SOCK_STREAM, 0);
    set_environment(own_pid(), "2", NULL);
    assert_problem("descriptor 4: not a listening stream socket (Accept=no, ListenStream=)");
    assert_int_equal(close(4), 0);
    put_socket(4, SOCK_DGRAM, 0);
    set_environment(own_pid(), "2", "first:second");
    assert_problem(
        "descriptor 4 (second): not a listening stream socket (Accept=no, ListenStream=)");
    assert_int_equal(close(4), 0);
    assert_int_equal(close(3), 0);
}

/* The tests need descriptors 3 to 5: closes those that the caller left open. */
static int free_descriptors(void **state)
{
    (void)state;
    for (int fd = 3; fd < 6; fd++)
        if (close(fd) != 0 && errno != EBADF)
            return -1;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_passed),
        cmocka_unit_test(test_sockets_and_names),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, free_descriptors, NULL);
}
