/*
 * Why: a socket that has something and is not found ready is a client that waits for ever. Every
 * race that readiness.h names is made to happen here: with the bell, with select() alone, and with
 * a bell to which no socket can be attached.
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
/* In place of the library's. Used here and by the bell only with an int behind the command. */
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

/* In place of the library's. */
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

enum { PAIRS = 300 }; /* more than BELL_RINGS_MAX, and with descriptors beyond a first queue */

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

/* *state is the way: NULL for the bell, or `plain`, or `refused`. */
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

/* Takes all bytes that are there; returns how many. */
static size_t take_bytes(int fd)
{
    char bytes[4096];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    return count > 0 ? (size_t)count : 0;
}

/* Waits, without blocking, and counts how often `fd` is found; passes over the others. */
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
 * Reads the socket as the server does, one recv() of `size` bytes whenever it is found ready. True
 * when it came to the end, false when nothing was found any more.
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

/* Adds a socket and takes its first, precautionary readiness. */
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

/* Three bytes and the end, of which one recv() takes only the bytes, or some of them. */
static void say_and_end(int at)
{
    for (int byte = 0; byte < 3; byte++)
        say(at);
    assert_int_equal(shutdown(theirs[at], SHUT_WR), 0);
}

static void finds_the_end_behind_bytes(void **state)
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

static void again_counts_once_and_does_not_block(void **state)
{
    (void)state;
    add_quietly(0);
    readiness_again(readiness, ours[0]);
    assert_true(readiness_wait(readiness, -1)); /* would block for ever */
    unsigned events;
    assert_int_equal(readiness_next(readiness, &events), ours[0]);
    assert_int_equal(events, READY_READ);
    assert_int_equal(readiness_next(readiness, &events), -1);
    assert_int_equal(find(ours[0]), 0);
}

static void who_was_left_out_comes_first(void **state)
{
    unsigned events;

    (void)state;
    for (int at = 0; at < 3; at++)
        add_quietly(at);
    for (int at = 0; at < 3; at++)
        say(at);
    assert_true(readiness_wait(readiness, 0));
    int first = readiness_next(readiness, &events); /* and the walk is broken off */
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
    say(0); /* rings; nobody takes it before the number is another socket's */
    readiness_forget(readiness, ours[0]);
    assert_int_equal(dup2(ours[1], ours[0]), ours[0]);
    assert_true(readiness_add_socket(readiness, ours[0]));
    /* The ring of its predecessor may be heeded, but finds nothing, and is soon over. */
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

static void a_full_queue_loses_nobody(void **state)
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
    readiness_again(readiness, ours[0]); /* as READY_MORE said */
    assert_true(reads_to_the_end(ours[0], 4));
}

/* The ring that was lost may have been that of the end. */
static void a_lost_ring_may_have_been_the_end(void **state)
{
    struct rlimit limit;
    struct rlimit none;
    unsigned events;

    (void)state;
    if (!readiness_rings(readiness))
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

/* Takes the rings away that there are, as a fault would. */
static void lose_rings(void)
{
    struct bell_ring rings[BELL_RINGS_MAX];
    bool lost = false;
    int bell = bell_open();

    assert_true(bell >= 0);
    while (bell_take(bell, rings, &lost) > 0)
        continue;
    assert_int_equal(close(bell), 0);
}

/* Whatever the cause of a loss: looking at all sockets, a part at a time, finds them. */
static void a_look_finds_what_no_ring_told(void **state)
{
    unsigned events;

    (void)state;
    if (!readiness_rings(readiness))
        skip(); /* another system than Linux */
    for (int at = 0; at < PAIRS; at++)
        add_quietly(at);
    for (int round = 0; round < 3; round++) {
        int at = round == 0 ? 0 : PAIRS - round;
        say(at);
        lose_rings();
        assert_int_equal(find(ours[at]), 0);
        for (size_t looks = readiness_looks(readiness); looks > 0; looks--)
            readiness_look(readiness);
        assert_true(readiness_wait(readiness, -1)); /* does not block */
        assert_int_equal(readiness_next(readiness, &events), ours[at]);
        assert_int_equal(events, READY_READ | READY_MORE);
        assert_int_equal(readiness_next(readiness, &events), -1);
        assert_int_equal(take_bytes(ours[at]), 1);
    }
    readiness_look(readiness);
    assert_int_equal(find(ours[0]), 0);
}

/* A look finds neither what is not watched, nor anything when select() fails. */
static void a_look_leaves_others_alone(void **state)
{
    (void)state;
    if (!readiness_rings(readiness))
        skip(); /* another system than Linux */
    add_quietly(0);
    add_quietly(1);
    say(0);
    say(1);
    lose_rings();
    assert_true(readiness_watch(readiness, ours[1], 0));
    select_failures = 1;
    readiness_look(readiness);
    assert_int_equal(find(ours[0]), 0);
    for (size_t looks = readiness_looks(readiness); looks > 0; looks--)
        readiness_look(readiness);
    assert_int_equal(find(ours[0]), 1);
    assert_int_equal(find(ours[1]), 0);
}

/* A read stops at urgent data; who ever sent some is read until there is nothing. */
static void urgent_data_hides_nothing(void **state)
{
    unsigned events;

    (void)state;
    if (!readiness_rings(readiness))
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

/* The queue gets room for higher descriptors while some are in it, and its first is not at 0. */
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

/* select() may lack memory for a moment, again and again; but not for ever. */
static void failures_that_are_over_do_not_count(void **state)
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

static void has_who_was_not_returned_yet(void **state)
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

/* A listener, say, which only select() finds. */
static void rings_do_not_starve_others(void **state)
{
    int found = 0;

    (void)state;
    add_quietly(0);
    add_quietly(1);
    assert_true(readiness_watch(readiness, ours[2], READY_READ));
    for (int wait = 0; wait < 20; wait++) {
        say(0);
        say(1);
        if (wait == 5) /* select() was left out before, and nothing stops ringing */
            say(2);
        found += find(ours[2]);
        assert_int_equal(take_bytes(ours[0]), 1);
        assert_int_equal(take_bytes(ours[1]), 1);
    }
    assert_true(found > 0);
}

/* Who rings is found by the very next wait, though that may leave out select(). */
static void rings_are_heeded_at_once(void **state)
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
        for (unsigned serve = random >> 20 & 15; serve > 0; serve--) /* often broken off */
            if ((fd = readiness_next(readiness, &events)) >= 0)
                taken += take_bytes(fd);
    }
    /* What is left is found without another byte being sent. */
    for (int wait = 0; wait < 3; wait++) {
        assert_true(readiness_wait(readiness, 0));
        while ((fd = readiness_next(readiness, &events)) >= 0)
            taken += take_bytes(fd);
    }
    assert_int_equal(taken, sent);
}

#define EVERY_WAY(test)                                                                            \
    {#test " (bell)", test, set_up, tear_down, NULL},                                              \
        {#test " (plain)", test, set_up, tear_down, plain},                                        \
    {                                                                                              \
#test " (refused)", test, set_up, tear_down, refused                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY_WAY(finds_what_came_before_it_was_added),
        EVERY_WAY(finds_what_comes_later),
        EVERY_WAY(finds_the_end_behind_bytes),
        EVERY_WAY(finds_the_end_that_came_before_it_was_added),
        EVERY_WAY(finds_the_end_that_came_while_it_was_not_watched),
        EVERY_WAY(keeps_what_came_while_it_was_not_watched),
        EVERY_WAY(finds_room_to_write),
        EVERY_WAY(again_counts_once_and_does_not_block),
        EVERY_WAY(who_was_left_out_comes_first),
        EVERY_WAY(finds_all_of_many),
        EVERY_WAY(a_number_used_again_is_another_socket),
        EVERY_WAY(forgotten_is_not_found),
        EVERY_WAY(a_full_queue_loses_nobody),
        cmocka_unit_test_setup_teardown(a_lost_ring_may_have_been_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_finds_what_no_ring_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_leaves_others_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urgent_data_hides_nothing, set_up, tear_down),
        EVERY_WAY(grows_while_some_are_queued),
        EVERY_WAY(failures_that_are_over_do_not_count),
        EVERY_WAY(has_who_was_not_returned_yet),
        EVERY_WAY(rings_do_not_starve_others),
        EVERY_WAY(rings_are_heeded_at_once),
        EVERY_WAY(random_traffic_is_all_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
