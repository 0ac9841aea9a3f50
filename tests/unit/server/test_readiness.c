/*
 * Why: if a socket has bytes and is not found ready, its client waits forever. Each race that
 * readiness.h names is made to happen here in three ways: with signals, with select() alone, and
 * with signals to which no socket can be attached.
 */
#include "server/readiness/readiness.h"

#include "server/readiness/sigio.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------ calls that can fail */

static bool refuse_to_attach;
static int select_failures; /* how many of the next select() fail */

#ifdef F_SETSIG
/* Replaces the library's. This program calls it only with an int after the command. */
int fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    int argument = va_arg(arguments, int);
    va_end(arguments);
    if (command == F_SETSIG && refuse_to_attach) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, argument);
}
#endif

/* Replaces the library's. */
int select(int beyond, fd_set *reading, fd_set *writing, fd_set *except, struct timeval *timeout)
{
    struct timespec limit = {0};

    if (select_failures > 0) {
        select_failures--;
        errno = ENOMEM;
        return -1;
    }
    if (timeout != NULL)
        limit = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    return pselect(beyond, reading, writing, except, timeout == NULL ? NULL : &limit, NULL);
}

/* ------------------------------------------------------------------------------------- sockets */

enum {
    PAIRS = 300
}; /* more than SIGIO_EVENTS_MAX, with descriptors beyond the first size of the queue */

static struct readiness *readiness;
static int ours[PAIRS];
static int theirs[PAIRS];

static void make_pairs(void)
{
    for (int at = 0; at < PAIRS; at++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        ours[at] = ends[0];
        theirs[at] = ends[1];
    }
}

static char plain[] = "plain";
static char refused[] = "refused";

/* *state is the way: NULL (signals), `plain`, or `refused`. */
static int set_up(void **state)
{
    refuse_to_attach = *state == refused;
    if (*state == plain)
        assert_int_equal(setenv("TCPACKD_READINESS", plain, 1), 0);
    else
        assert_int_equal(unsetenv("TCPACKD_READINESS"), 0);
    readiness = readiness_new();
    assert_non_null(readiness);
    make_pairs();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    readiness_free(readiness);
    for (int at = 0; at < PAIRS; at++) {
        (void)close(ours[at]);
        (void)close(theirs[at]);
    }
    return 0;
}

static void say(int at)
{
    assert_int_equal(write(theirs[at], "x", 1), 1);
}

/* Reads all bytes; returns how many. */
static size_t take_bytes(int fd)
{
    char bytes[4096];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    return count > 0 ? (size_t)count : 0;
}

/* Waits without blocking and counts how often `fd` is found; skips the others. */
static int find(int fd)
{
    unsigned events;
    int found = 0;
    int ready;

    assert_true(readiness_wait(readiness, 0));
    while ((ready = readiness_next(readiness, &events)) >= 0) {
        assert_int_equal(events & ~(unsigned)READY_MORE, READY_READ);
        if (ready == fd)
            found++;
    }
    return found;
}

/*
 * Reads the socket as the server does: one recv() of `size` bytes each time it is found ready. True
 * at the end of the stream; false if the socket was no longer found ready.
 */
static bool reads_to_the_end(int fd, size_t size)
{
    bool undrained = false;
    unsigned events;
    int ready;

    for (;;) {
        assert_true(readiness_wait(readiness, 0));
        ready = readiness_next(readiness, &events);
        if (ready < 0)
            return false;
        assert_int_equal(ready, fd);
        undrained = undrained || (events & READY_MORE) != 0;
        char bytes[64];
        ssize_t count = recv(fd, bytes, size, 0);
        if (count == 0)
            return true;
        if (count < 0)
            undrained = false;
        if (undrained || count == (ssize_t)size)
            readiness_again(readiness, fd);
        undrained = undrained || count == (ssize_t)size;
    }
}

static void add(int at)
{
    assert_true(readiness_add_socket(readiness, ours[at]));
}

/* Adds a socket and takes the readiness that each new socket has. */
static void add_quietly(int at)
{
    add(at);
    (void)find(ours[at]);
    assert_int_equal(find(ours[at]), 0);
}

static void finds_what_came_before_it_was_added(void **state)
{
    (void)state;
    say(0);
    add(0);
    assert_int_equal(find(ours[0]), 1);
}

static void finds_what_comes_later(void **state)
{
    (void)state;
    add_quietly(0);
    say(0);
    assert_int_equal(find(ours[0]), 1);
    assert_int_equal(take_bytes(ours[0]), 1);
    assert_int_equal(find(ours[0]), 0);
}

/* Three bytes and the end of the stream. One recv() takes only the bytes, or some of them. */
static void say_and_end(int at)
{
    for (int byte = 0; byte < 3; byte++)
        say(at);
    assert_int_equal(shutdown(theirs[at], SHUT_WR), 0);
}

static void finds_the_end_after_bytes(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        int at = (int)size;
        add_quietly(at);
        say_and_end(at);
        assert_true(reads_to_the_end(ours[at], size));
        readiness_forget(readiness, ours[at]);
    }
}

static void finds_the_end_that_came_before_it_was_added(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        int at = (int)size;
        say_and_end(at);
        add(at);
        assert_true(reads_to_the_end(ours[at], size));
        readiness_forget(readiness, ours[at]);
    }
}

static void finds_the_end_that_came_while_it_was_not_watched(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        int at = (int)size;
        add_quietly(at);
        assert_true(readiness_watch(readiness, ours[at], 0));
        say_and_end(at);
        assert_int_equal(find(ours[at]), 0);
        assert_true(readiness_watch(readiness, ours[at], READY_READ));
        assert_true(reads_to_the_end(ours[at], size));
        readiness_forget(readiness, ours[at]);
    }
}

static void keeps_what_came_while_it_was_not_watched(void **state)
{
    (void)state;
    add_quietly(0);
    assert_true(readiness_watch(readiness, ours[0], 0));
    say(0);
    assert_int_equal(find(ours[0]), 0);
    assert_true(readiness_watch(readiness, ours[0], READY_READ));
    assert_int_equal(find(ours[0]), 1);
}

static void finds_room_to_write(void **state)
{
    unsigned events;

    (void)state;
    add_quietly(0);
    assert_true(readiness_watch(readiness, ours[0], READY_WRITE));
    assert_true(readiness_wait(readiness, 0));
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_int_equal(events, READY_WRITE);
    assert_int_equal(readiness_next(readiness, &events), -1);
}

/* Writes until nothing more fits. */
static void fill(int at)
{
    char bytes[4096] = {0};

    while (send(ours[at], bytes, sizeof bytes, 0) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
}

/* The peer reads all of it. */
static void drain(int at)
{
    char bytes[4096];

    while (recv(theirs[at], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

static bool finds_writable(int at)
{
    unsigned events = 0;

    assert_true(readiness_wait(readiness, 0));
    int ready = readiness_next(readiness, &events);
    assert_true(ready == -1 || (ready == ours[at] && events == READY_WRITE));
    return ready == ours[at];
}

/* Watches a full socket, and tries once, as after each readiness. */
static void watch_full(int at)
{
    add_quietly(at);
    fill(at);
    assert_true(readiness_watch(readiness, ours[at], READY_WRITE));
    if (finds_writable(at))
        fill(at);
    assert_false(finds_writable(at));
}

static void finds_room_when_the_peer_has_read(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        watch_full(at);
        for (int round = 0; round < 3; round++) {
            drain(at);
            assert_true(finds_writable(at));
            fill(at);
            assert_false(finds_writable(at));
        }
        assert_true(readiness_watch(readiness, ours[at], READY_READ));
        (void)find(ours[at]);
        drain(at);
        assert_int_equal(find(ours[at]), 0);
    }
}

static void finds_room_that_came_before_it_was_watched(void **state)
{
    (void)state;
    add_quietly(0);
    fill(0);
    drain(0);
    assert_true(readiness_watch(readiness, ours[0], READY_WRITE));
    assert_true(finds_writable(0));
}

/* A write fails then, which is how the writer learns it. */
static void finds_the_end_of_the_reader(void **state)
{
    (void)state;
    watch_full(0);
    assert_int_equal(close(theirs[0]), 0);
    assert_true(finds_writable(0));
    theirs[0] = -1;
}

static void write_again_counts_once(void **state)
{
    (void)state;
    watch_full(0);
    readiness_write_again(readiness, ours[0]);
    assert_true(finds_writable(0));
    assert_false(finds_writable(0));
}

static void again_counts_once_and_does_not_block(void **state)
{
    (void)state;
    add_quietly(0);
    readiness_again(readiness, ours[0]);
    assert_true(readiness_wait(readiness, -1)); /* would block forever */
    unsigned events;
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_int_equal(events, READY_READ);
    assert_int_equal(readiness_next(readiness, &events), -1);
    assert_int_equal(find(ours[0]), 0);
}

static void the_rest_comes_first_in_the_next_round(void **state)
{
    unsigned events;

    (void)state;
    for (int at = 0; at < 3; at++)
        add_quietly(at);
    for (int at = 0; at < 3; at++)
        say(at);
    assert_true(readiness_wait(readiness, 0));
    int first = readiness_next(readiness, &events); /* stop early */
    assert_true(readiness_wait(readiness, -1));     /* must not block */
    int second = readiness_next(readiness, &events);
    assert_true(readiness_wait(readiness, -1));
    int third = readiness_next(readiness, &events);
    assert_int_not_equal(first, second);
    assert_int_not_equal(first, third);
    assert_int_not_equal(second, third);
}

static void finds_all_of_many(void **state)
{
    bool found[PAIRS] = {false};
    unsigned events;
    int fd;

    (void)state;
    for (int at = 0; at < PAIRS; at++)
        add_quietly(at);
    for (int at = 0; at < PAIRS; at++)
        say(at);
    assert_true(readiness_wait(readiness, 0));
    while ((fd = readiness_next(readiness, &events)) >= 0)
        for (int at = 0; at < PAIRS; at++)
            found[at] = found[at] || ours[at] == fd;
    for (int at = 0; at < PAIRS; at++)
        assert_true(found[at]);
}

static void a_number_used_again_is_another_socket(void **state)
{
    (void)state;
    add_quietly(0);
    say(0); /* a signal, still queued when the number is another socket's */
    readiness_forget(readiness, ours[0]);
    assert_int_equal(dup2(ours[1], ours[0]), ours[0]);
    assert_true(readiness_add_socket(readiness, ours[0]));
    /* The signal of the old socket may make the new one ready; it has no effect after that. */
    for (int wait = 0; wait < 3 && find(ours[0]) > 0; wait++)
        assert_int_equal(take_bytes(ours[0]), 0);
    assert_int_equal(find(ours[0]), 0);
    say(1);
    assert_int_equal(find(ours[0]), 1);
}

static void forgotten_is_not_found(void **state)
{
    (void)state;
    add_quietly(0);
    say(0);
    readiness_forget(readiness, ours[0]);
    assert_int_equal(find(ours[0]), 0);
}

static void a_full_queue_loses_no_socket(void **state)
{
    struct rlimit limit;
    struct rlimit none;

    (void)state;
    for (int at = 0; at < PAIRS; at++)
        add_quietly(at);
    assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    say(PAIRS - 1);
    say_and_end(0);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    assert_int_equal(find(ours[PAIRS - 1]), 1);
    for (int at = 1; at < PAIRS; at++)
        readiness_forget(readiness, ours[at]);
    assert_int_equal(take_bytes(ours[0]), 3);
    readiness_again(readiness, ours[0]); /* as READY_MORE asks */
    assert_true(reads_to_the_end(ours[0], 4));
}

/*
 * Of very many sockets, one wait looks only at a part; the next waits do not block and look at the
 * others.
 */
static void a_full_queue_loses_no_socket_of_very_many(void **state)
{
    enum { FAR = 17000 }; /* not among those of the first wait */
    struct rlimit descriptors;
    struct rlimit limit;
    struct rlimit none;
    int found = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    if (descriptors.rlim_max <= FAR)
        return; /* not here */
    descriptors.rlim_cur = descriptors.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    assert_int_equal(dup2(ours[0], FAR), FAR);
    assert_true(readiness_add_socket(readiness, FAR));
    (void)find(FAR);
    add_quietly(1);
    assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    say(0);
    say(1);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    for (int wait = 0; wait < 3 && found < 2; wait++) {
        unsigned events;
        int fd;
        assert_true(readiness_wait(readiness, -1)); /* would block forever */
        while ((fd = readiness_next(readiness, &events)) >= 0)
            found += (int)take_bytes(fd);
    }
    assert_int_equal(found, 2);
    assert_int_equal(find(FAR), 0);
    assert_int_equal(close(FAR), 0);
}

static void a_full_queue_loses_no_writer(void **state)
{
    struct rlimit limit;
    struct rlimit none;

    (void)state;
    watch_full(0);
    assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    drain(0);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    assert_true(finds_writable(0));
}

/* The lost signal may have announced the end of the stream. */
static void a_lost_signal_may_have_been_the_end(void **state)
{
    struct rlimit limit;
    struct rlimit none;
    unsigned events;

    (void)state;
    if (!readiness_uses_signals(readiness))
        skip(); /* another system than Linux */
    add_quietly(0);
    assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    say(0);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    assert_true(readiness_wait(readiness, 0));
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_int_equal(events, READY_READ | READY_MORE);
}

/* Drops all queued signals, as a fault would. */
static void lose_signals(void)
{
    struct sigio_event events[SIGIO_EVENTS_MAX];
    bool lost = false;
    int signals = sigio_open();

    assert_true(signals >= 0);
    while (sigio_take(signals, events, &lost) > 0)
        continue;
    assert_int_equal(close(signals), 0);
}

/* Whatever lost the signal: looking at all sockets, some at a time, finds the ready ones. */
static void a_look_finds_what_no_signal_reported(void **state)
{
    unsigned events;

    (void)state;
    if (!readiness_uses_signals(readiness))
        skip(); /* another system than Linux */
    for (int at = 0; at < PAIRS; at++)
        add_quietly(at);
    for (int round = 0; round < 3; round++) {
        int at = round == 0 ? 0 : PAIRS - round;
        say(at);
        lose_signals();
        assert_int_equal(find(ours[at]), 0);
        (void)readiness_was_busy(readiness);
        for (size_t looks = readiness_looks(readiness); looks > 0; looks--)
            readiness_look(readiness);
        assert_true(readiness_was_busy(readiness)); /* so that another look follows */
        assert_true(readiness_wait(readiness, -1)); /* does not block */
        assert_int_equal(readiness_next(readiness, &events), ours[at]);
        assert_int_equal(events, READY_READ | READY_MORE);
        assert_int_equal(readiness_next(readiness, &events), -1);
        assert_int_equal(take_bytes(ours[at]), 1);
    }
    readiness_look(readiness);
    assert_int_equal(find(ours[0]), 0);
}

/* A look finds no unwatched socket, and nothing if select() fails. */
static void a_look_leaves_others_alone(void **state)
{
    (void)state;
    if (!readiness_uses_signals(readiness))
        skip(); /* another system than Linux */
    add_quietly(0);
    add_quietly(1);
    say(0);
    say(1);
    lose_signals();
    assert_true(readiness_watch(readiness, ours[1], 0));
    select_failures = 1;
    readiness_look(readiness);
    assert_int_equal(find(ours[0]), 0);
    for (size_t looks = readiness_looks(readiness); looks > 0; looks--)
        readiness_look(readiness);
    assert_int_equal(find(ours[0]), 1);
    assert_int_equal(find(ours[1]), 0);
}

/* A read stops at urgent data. A socket that ever received some is read until nothing is left. */
static void urgent_data_hides_nothing(void **state)
{
    unsigned events;

    (void)state;
    if (!readiness_uses_signals(readiness))
        skip(); /* another system than Linux */
    add_quietly(0);
    if (send(theirs[0], "!", 1, MSG_OOB) != 1)
        skip(); /* a system without urgent data on Unix sockets */
    assert_int_equal(find(ours[0]), 1);
    for (int round = 0; round < 2; round++) {
        say(0);
        assert_true(readiness_wait(readiness, 0));
        assert_int_equal(readiness_next(readiness, &events), ours[0]);
        assert_int_equal(events, READY_READ | READY_MORE);
        (void)take_bytes(ours[0]);
    }
}

/* The queue grows for higher descriptors while it is not empty and does not begin at index 0. */
static void grows_while_some_are_queued(void **state)
{
    enum { FEW = 20 };
    bool found[PAIRS] = {false};
    unsigned events;
    int fd;

    (void)state;
    for (int at = 0; at < PAIRS; at++)
        say(at);
    for (int at = 0; at < FEW; at++)
        add(at);
    for (int wait = 0; wait < 3; wait++) {
        assert_true(readiness_wait(readiness, 0));
        for (int walk = 0; walk < (wait == 0 ? FEW / 2 : PAIRS); walk++) {
            if ((fd = readiness_next(readiness, &events)) < 0)
                break;
            for (int at = 0; at < PAIRS; at++)
                found[at] = found[at] || (ours[at] == fd && take_bytes(fd) == 1);
        }
        for (int at = FEW; wait == 0 && at < PAIRS; at++)
            add(at);
    }
    for (int at = 0; at < PAIRS; at++)
        assert_true(found[at]);
}

/* select() may lack memory for a moment, repeatedly; but not forever. */
static void past_failures_do_not_count(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        select_failures = 1;
        assert_true(readiness_wait(readiness, 0));
        assert_true(readiness_wait(readiness, 0));
    }
    select_failures = 1000;
    int waits = 0;
    while (readiness_wait(readiness, 0))
        assert_true(++waits < 100);
    select_failures = 0;
    assert_true(waits > 1);
}

static void has_what_was_not_returned_yet(void **state)
{
    unsigned events;

    (void)state;
    add_quietly(0);
    assert_false(readiness_has(readiness, ours[0]));
    say(0);
    assert_true(readiness_wait(readiness, 0));
    assert_true(readiness_has(readiness, ours[0]));
    assert_false(readiness_has(readiness, ours[1]));
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_false(readiness_has(readiness, ours[0]));
}

/* Sockets that are held, ready before or after that, end no wait, and are not lost. */
static void held_sockets_end_no_wait(void **state)
{
    unsigned events;

    (void)state;
    add_quietly(0);
    add_quietly(1);
    assert_true(readiness_watch(readiness, ours[2], READY_READ)); /* as a listener */
    say(0);
    assert_true(readiness_wait(readiness, 0));
    readiness_hold(readiness, true);
    say(1);
    assert_true(readiness_wait(readiness, 1000)); /* select() may find it once */
    (void)readiness_was_busy(readiness);
    assert_true(readiness_wait(readiness, 1000));
    assert_false(readiness_was_busy(readiness));
    say(2);
    assert_true(readiness_wait(readiness, -1));
    assert_true(readiness_take(readiness, ours[2]));
    assert_int_equal(take_bytes(ours[2]), 1);
    readiness_hold(readiness, false);
    assert_true(readiness_wait(readiness, 0));
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_int_equal(readiness_next(readiness, &events), ours[1]);
    assert_int_equal(readiness_next(readiness, &events), -1);
}

/* Others: a listener, for example, which only select() finds. */
static void signals_do_not_starve_others(void **state)
{
    int found = 0;

    (void)state;
    add_quietly(0);
    add_quietly(1);
    assert_true(readiness_watch(readiness, ours[2], READY_READ));
    for (int wait = 0; wait < 20; wait++) {
        say(0);
        say(1);
        if (wait == 5) /* waits before this one skipped select(), and signals keep coming */
            say(2);
        found += find(ours[2]);
        assert_int_equal(take_bytes(ours[0]), 1);
        assert_int_equal(take_bytes(ours[1]), 1);
    }
    assert_true(found > 0);
}

/* The very next wait finds a signalled socket, even if that wait skips select(). */
static void signals_are_acted_on_at_once(void **state)
{
    (void)state;
    add_quietly(0);
    add_quietly(1);
    for (int wait = 0; wait < 20; wait++) {
        bool found[2] = {false};
        unsigned events;
        int fd;
        say(0);
        say(1);
        assert_true(readiness_wait(readiness, 0));
        while ((fd = readiness_next(readiness, &events)) >= 0)
            found[fd == ours[1]] = take_bytes(fd) == 1;
        assert_true(found[0] && found[1]);
    }
}

static void random_traffic_is_all_taken(void **state)
{
    enum { STEPS = 20000, USED = 40 };
    size_t sent = 0;
    size_t taken = 0;
    unsigned random = 1;
    unsigned events;
    int fd;

    (void)state;
    for (int at = 0; at < USED; at++)
        add(at);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1103515245 + 12345;
        if (random >> 28 != 0) {
            say((int)(random >> 16) % USED);
            sent++;
            continue;
        }
        assert_true(readiness_wait(readiness, 0));
        for (unsigned serve = random >> 20 & 15; serve > 0; serve--) /* often stops early */
            if ((fd = readiness_next(readiness, &events)) >= 0)
                taken += take_bytes(fd);
    }
    /* The rest is found though no more bytes are sent. */
    for (int wait = 0; wait < 3; wait++) {
        assert_true(readiness_wait(readiness, 0));
        while ((fd = readiness_next(readiness, &events)) >= 0)
            taken += take_bytes(fd);
    }
    assert_int_equal(taken, sent);
}

#define EVERY_WAY(test)                                                                            \
    {#test " (signals)", test, set_up, tear_down, NULL},                                           \
        {#test " (plain)", test, set_up, tear_down, plain},                                        \
    {                                                                                              \
#test " (refused)", test, set_up, tear_down, refused                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY_WAY(finds_what_came_before_it_was_added),
        EVERY_WAY(finds_what_comes_later),
        EVERY_WAY(finds_the_end_after_bytes),
        EVERY_WAY(finds_the_end_that_came_before_it_was_added),
        EVERY_WAY(finds_the_end_that_came_while_it_was_not_watched),
        EVERY_WAY(keeps_what_came_while_it_was_not_watched),
        EVERY_WAY(finds_room_to_write),
        EVERY_WAY(finds_room_when_the_peer_has_read),
        EVERY_WAY(finds_room_that_came_before_it_was_watched),
        EVERY_WAY(finds_the_end_of_the_reader),
        EVERY_WAY(write_again_counts_once),
        EVERY_WAY(again_counts_once_and_does_not_block),
        EVERY_WAY(the_rest_comes_first_in_the_next_round),
        EVERY_WAY(finds_all_of_many),
        EVERY_WAY(a_number_used_again_is_another_socket),
        EVERY_WAY(forgotten_is_not_found),
        EVERY_WAY(a_full_queue_loses_no_socket),
        EVERY_WAY(a_full_queue_loses_no_writer),
        EVERY_WAY(a_full_queue_loses_no_socket_of_very_many),
        cmocka_unit_test_setup_teardown(a_lost_signal_may_have_been_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_finds_what_no_signal_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_leaves_others_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urgent_data_hides_nothing, set_up, tear_down),
        EVERY_WAY(grows_while_some_are_queued),
        EVERY_WAY(past_failures_do_not_count),
        EVERY_WAY(has_what_was_not_returned_yet),
        EVERY_WAY(held_sockets_end_no_wait),
        EVERY_WAY(signals_do_not_starve_others),
        EVERY_WAY(signals_are_acted_on_at_once),
        EVERY_WAY(random_traffic_is_all_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
