/*
 * A log line or a record must never wait for a reader that has stopped. The descriptor is shared
 * with the shell and other programs, which a non-blocking one would confuse. This tests a
 * description of our own, and the check before each write if the system does not allow one.
 */
#include "common/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* AddressSanitizer ends a process that is out of memory. gcc and clang say differently if it is in.
 */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

enum {
    BLOCK = 4096,
    ALARM_SECONDS = 60, /* after these a write() that waits ends the test */
};

static bool fstat_fails;

/* Replaces the C library's, also in stream.c. */
int fstat(int fd, struct stat *status)
{
    if (!fstat_fails)
        return fstatat(fd, "", status, AT_EMPTY_PATH);
    errno = ENOMEM;
    return -1;
}

/* Writes until there is no room; returns how many bytes fitted. */
static size_t fill(const struct stream *stream)
{
    char block[BLOCK];
    size_t total = 0;
    ssize_t written;

    memset(block, 'x', sizeof block);
    while ((written = stream_write(stream, block, sizeof block)) > 0)
        total += (size_t)written;
    assert_int_equal(written, -1);
    assert_int_equal(errno, EAGAIN);
    return total;
}

static void read_exactly(int fd, size_t size)
{
    char block[BLOCK];

    while (size > 0) {
        ssize_t got = read(fd, block, size < sizeof block ? size : sizeof block);
        assert_true(got > 0);
        size -= (size_t)got;
    }
}

/* Fills, empties, and fills again the channel from ends[1] to ends[0]. */
static void check_stream(const int ends[2], struct stream *stream)
{
    size_t room = fill(stream);

    assert_true(room >= BLOCK);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    read_exactly(ends[0], room);
    assert_int_equal(stream_write(stream, "hello", 5), 5);
    read_exactly(ends[0], 5);
    assert_true(fill(stream) >= BLOCK);
    stream_close(stream);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}

static void test_pipe(void **unused)
{
    struct stream stream;
    int ends[2];

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    stream_open(&stream, ends[1]);
    assert_int_not_equal(stream.kind, STREAM_PLAIN);
    check_stream(ends, &stream);
}

static void test_pipe_that_cannot_be_opened_again(void **unused)
{
    struct stream stream;
    int ends[2];

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    stream = (struct stream){.fd = ends[1], .kind = STREAM_GUARDED};
    assert_int_equal(stream_descriptor(&stream), ends[1]);
    check_stream(ends, &stream);
}

static void test_pipe_that_cannot_be_examined(void **state)
{
    struct stream stream;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    fstat_fails = true;
    stream_open(&stream, ends[1]);
    fstat_fails = false;
    check_stream(ends, &stream);
}

#ifndef SANITIZED
/* Takes all memory, free blocks of any size too. They are linked, for give_back(). */
static void **take_all_memory(struct rlimit *before)
{
    struct rlimit none;
    void **taken = NULL, **block;

    assert_int_equal(getrlimit(RLIMIT_AS, before), 0);
    none = (struct rlimit){0, before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    for (size_t size = BLOCK; size >= sizeof *block; size -= sizeof *block)
        while ((block = malloc(size)) != NULL) {
            *block = taken;
            taken = block;
        }
    return taken;
}

static void give_back(void **taken, const struct rlimit *before)
{
    assert_int_equal(setrlimit(RLIMIT_AS, before), 0);
    while (taken != NULL) {
        void **next = *taken;
        free(taken);
        taken = next;
    }
}

/* Valgrind, too, ends a process that is out of memory. It is preloaded. */
static bool is_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Whether it has room cannot be asked: then write() could wait. */
static void test_full_pipe_without_memory(void **unused)
{
    struct rlimit before;
    struct stream stream;
    int ends[2];

    (void)unused;
    if (is_under_valgrind())
        return;
    assert_int_equal(pipe(ends), 0);
    stream = (struct stream){.fd = ends[1], .kind = STREAM_GUARDED};
    assert_true(fill(&stream) >= BLOCK);
    void **taken = take_all_memory(&before);
    ssize_t written = stream_write(&stream, "hello", 5);
    int error = errno;
    give_back(taken, &before);
    assert_int_equal(written, -1);
    assert_int_equal(error, EAGAIN);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}
#endif

/* One that has room for less than a line: of another user, it cannot be opened again. */
static void test_terminal_that_cannot_be_opened_again(void **unused)
{
    static const char line[] = "tcpackd: connected by 127.0.0.1:53312\n";
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    ssize_t written;

    (void)unused;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    const struct stream stream = {.fd = slave, .kind = STREAM_GUARDED};
    (void)alarm(ALARM_SECONDS);
    do
        written = stream_write(&stream, line, sizeof line - 1);
    while (written > 0);
    (void)alarm(0);
    assert_int_equal(written, -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(close(slave), 0);
    assert_int_equal(close(master), 0);
}

static void test_socket(void **unused)
{
    struct stream stream;
    int ends[2];

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream_open(&stream, ends[1]);
    assert_int_equal(stream.kind, STREAM_SOCKET);
    check_stream(ends, &stream);
}

/* A peer that is gone is an error, and causes no signal from a socket. */
static void test_reader_that_is_gone(void **unused)
{
    struct stream stream;
    int ends[2];

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream_open(&stream, ends[1]);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(stream_write(&stream, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    stream_close(&stream);
    assert_int_equal(close(ends[1]), 0);
}

/* For these nothing is opened, and closing does nothing. */
static void test_files_and_devices(void **unused)
{
    struct stream stream;
    struct stream closed = {0};
    int fd = open("/dev/null", O_WRONLY);

    (void)unused;
    stream_open(&stream, fd);
    assert_int_equal(stream.kind, STREAM_PLAIN);
    assert_int_equal(stream_write(&stream, "x", 1), 1);
    stream_close(&stream);
    stream_close(&closed);
    assert_int_equal(close(fd), 0);
    stream_open(&stream, -1);
    assert_int_equal(stream_write(&stream, "x", 1), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_pipe_that_cannot_be_opened_again),
        cmocka_unit_test(test_pipe_that_cannot_be_examined),
#ifndef SANITIZED
        cmocka_unit_test(test_full_pipe_without_memory),
#endif
        cmocka_unit_test(test_terminal_that_cannot_be_opened_again),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_reader_that_is_gone),
        cmocka_unit_test(test_files_and_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
