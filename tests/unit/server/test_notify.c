/*
 * Why: systemd kills a server that does not send READY within a timeout, and restarts one that does
 * not send WATCHDOG. The socket must receive exactly the text of the protocol, for both kinds of
 * socket. Without a service manager nothing must happen.
 */
#include "server/process/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/tcpack-notify-XXXXXX";
static char path[sizeof folder + sizeof "/socket"];
static char abstract[sizeof folder + 1];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || snprintf(path, sizeof path, "%s/socket", folder) < 0)
        return -1;
    return snprintf(abstract, sizeof abstract, "@%s", folder) < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* A service manager's socket at `name`, which becomes $NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);

    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void assert_received(int fd, const char *expected)
{
    char text[1024];
    ssize_t size = recv(fd, text, sizeof text - 1, 0);

    assert_true(size >= 0);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static void check_states(const char *name)
{
    int fd = listen_at(name);
    char text[1024];

    assert_true(notify_ready("3 connections"));
    assert_received(fd, "READY=1\nSTATUS=3 connections");
    assert_true(notify_stopping());
    assert_received(fd, "STOPPING=1");
    assert_true(notify_alive("4 connections"));
    assert_received(fd, "WATCHDOG=1\nSTATUS=4 connections");
    assert_true(notify_reloading());
    ssize_t size = recv(fd, text, sizeof text - 1, 0);
    assert_true(size > 0);
    text[size] = '\0';
    assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(strlen(text + 27) > 0 && strspn(text + 27, "0123456789") == strlen(text + 27));
    assert_int_equal(close(fd), 0);
}

static void test_socket_at_path(void **state)
{
    (void)state;
    check_states(path);
    assert_int_equal(unlink(path), 0);
}

static void test_abstract_socket(void **state)
{
    (void)state;
    check_states(abstract);
}

static void test_without_service_manager(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_true(notify_ready(""));
    assert_true(notify_alive(""));
}

static void test_errors(void **state)
{
    char name[200];

    (void)state;
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1), 0);
    assert_false(notify_ready(""));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:1:2", 1), 0);
    assert_false(notify_ready(""));
    assert_int_equal(errno, EAFNOSUPPORT);
    memset(name, 'a', sizeof name - 1);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_false(notify_ready(""));
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void set_watchdog(const char *us, const char *pid)
{
    assert_int_equal(us == NULL ? unsetenv("WATCHDOG_USEC") : setenv("WATCHDOG_USEC", us, 1), 0);
    assert_int_equal(pid == NULL ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", pid, 1), 0);
}

static void test_watchdog(void **state)
{
    char pid[32];

    (void)state;
    assert_true(snprintf(pid, sizeof pid, "%ld", (long)getpid()) > 0);
    set_watchdog(NULL, NULL);
    assert_int_equal(notify_watchdog_us(), 0);
    set_watchdog("30000000", NULL);
    assert_int_equal(notify_watchdog_us(), 30000000);
    set_watchdog("30000000", pid);
    assert_int_equal(notify_watchdog_us(), 30000000);
    set_watchdog("30000000", "1");
    assert_int_equal(notify_watchdog_us(), 0);
    set_watchdog("30s", pid);
    assert_int_equal(notify_watchdog_us(), 0);
    set_watchdog("0", pid);
    assert_int_equal(notify_watchdog_us(), 0);
    set_watchdog(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_at_path),
        cmocka_unit_test(test_abstract_socket),
        cmocka_unit_test(test_without_service_manager),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_watchdog),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
