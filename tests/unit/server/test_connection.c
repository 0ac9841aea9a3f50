/*
 * Why: this part receives the bytes of messages and sends replies in portions of any size. A byte
 * lost, doubled or shifted would be a wrong acknowledgement. A reset mistaken for the end of the
 * stream would turn half a message into a whole one. The tests use real sockets and peers that read
 * late, end and reset.
 */
#include "server/connection/connection.h"

#include "server/connection/deadlines.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECOND = 1000000, NOW = 1000 * SECOND, BUFFER_SIZE_MAX = 64 };

/* A connection of the server and its peer, over TCP on loopback. */
struct pair {
    struct config_listener config;
    struct settings all; /* the test holds it, too: the connection must not free it */
    struct listener_settings settings;
    struct connection *connection;
    unsigned char scratch[2 * BUFFER_SIZE_MAX];
    int peer;
};

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void make_sockets(int *accepted, int *peer)
{
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(listener >= 0);
    assert_return_code(bind(listener, (const struct sockaddr *)&address, size), errno);
    assert_return_code(listen(listener, 1), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&address, &size), errno);
    *peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(connect(*peer, (const struct sockaddr *)&address, size), errno);
    *accepted = accept(listener, NULL, NULL);
    assert_true(*accepted >= 0);
    assert_return_code(fcntl(*accepted, F_SETFL, O_NONBLOCK), errno);
    assert_return_code(close(listener), errno);
}

static struct pair *pair_new(size_t buffer_size)
{
    struct pair *pair = calloc(1, sizeof *pair);
    int accepted = -1;

    assert_non_null(pair);
    assert_true(buffer_size <= BUFFER_SIZE_MAX);
    pair->config.buffer_size = buffer_size;
    pair->config.framing = FRAMING_LINE; /* auto takes more at once */
    pair->all.holders = 1;
    pair->settings.all = &pair->all;
    pair->settings.config = &pair->config;
    make_sockets(&accepted, &pair->peer);
    pair->connection = connection_new(accepted, &pair->settings, NOW);
    assert_non_null(pair->connection);
    return pair;
}

static void close_peer(struct pair *pair)
{
    assert_return_code(close(pair->peer), errno);
    pair->peer = -1;
}

/* Closes with a reset instead of an end of the stream. */
static void reset_peer(struct pair *pair)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_return_code(setsockopt(pair->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), errno);
    close_peer(pair);
}

static void pair_free(struct pair *pair)
{
    connection_free(pair->connection);
    assert_int_equal(pair->all.holders, 1);
    if (pair->peer >= 0)
        close_peer(pair);
    free(pair);
}

static void say(const struct pair *pair, const char *text)
{
    assert_int_equal(send(pair->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void await_readable(int fd)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    assert_int_equal(select(fd + 1, &set, NULL, NULL, NULL), 1);
}

/* Waits until the kernel has given up the connection, without taking its error. */
static void await_broken(const struct pair *pair)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    do {
        struct timeval moment = {.tv_usec = 1000};
        (void)select(0, NULL, NULL, NULL, &moment);
        assert_return_code(getsockopt(pair->connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size),
                           errno);
    } while (info.tcpi_state != TCP_CLOSE);
}

/* One receive must return `result` and the bytes `expected`; the first `used` are consumed. */
static void check_receive(struct pair *pair, enum connection_received result, const char *expected,
                          size_t used)
{
    const unsigned char *bytes = NULL;
    size_t size = 0;

    assert_int_equal(connection_receive(pair->connection, pair->scratch, &bytes, &size), result);
    if (result != CONNECTION_RECEIVED && result != CONNECTION_ENDED)
        return;
    assert_int_equal(size, strlen(expected));
    if (size > 0)
        assert_memory_equal(bytes, expected, size);
    assert_true(connection_keep(pair->connection, bytes, size, used));
    assert_int_equal(pair->connection->in.size, size - used);
    if (used == size)
        assert_int_equal(pair->connection->in.capacity, 0);
}

/* ---------------------------------------------------------------------------------- receiving */

static void test_receive(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    check_receive(pair, CONNECTION_NOTHING, "", 0);
    say(pair, "one");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "one", 3);
    say(pair, "one,tw");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "one,tw", 4);
    check_receive(pair, CONNECTION_NOTHING, "", 0);
    say(pair, "o,three,four");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "two,three,", 4); /* at most 8 new bytes */
    check_receive(pair, CONNECTION_RECEIVED, "three,four", 10);
    check_receive(pair, CONNECTION_NOTHING, "", 0);
    pair_free(pair);
}

static void test_receive_byte_by_byte(void **state)
{
    struct pair *pair = pair_new(1);

    (void)state;
    say(pair, "abc");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "a", 0);
    check_receive(pair, CONNECTION_RECEIVED, "ab", 0);
    check_receive(pair, CONNECTION_RECEIVED, "abc", 3);
    pair_free(pair);
}

/* A short unfinished message takes little memory even if buffer_size is large. */
static void test_unfinished_takes_memory_for_its_size(void **state)
{
    struct pair *pair = pair_new(BUFFER_SIZE_MAX);

    (void)state;
    say(pair, "half");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "half", 0);
    say(pair, " a message");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "half a message", 0);
    assert_true(pair->connection->in.capacity <= BUFFER_SIZE_MAX);
    pair_free(pair);
}

/* What is kept of many bytes is only the unfinished message after them. */
static void test_whole_messages_are_not_kept(void **state)
{
    struct pair *pair = pair_new(BUFFER_SIZE_MAX);
    char half[BUFFER_SIZE_MAX + 1] = "";

    (void)state;
    memset(half, 'x', sizeof half - 1);
    for (int times = 0; times < 3; times++) {
        say(pair, "1234567");
        await_readable(pair->connection->fd);
        check_receive(pair, CONNECTION_RECEIVED, "1234567", 0);
        say(pair, half);
        await_readable(pair->connection->fd);
        const unsigned char *bytes;
        size_t size;
        assert_int_equal(connection_receive(pair->connection, pair->scratch, &bytes, &size),
                         CONNECTION_RECEIVED);
        assert_int_equal(size, 7 + BUFFER_SIZE_MAX);
        assert_memory_equal(bytes, "1234567", 7);
        assert_true(connection_keep(pair->connection, bytes, size, size - 1));
        assert_int_equal(pair->connection->in.size, 1);
        assert_true(pair->connection->in.capacity <= BUFFER_SIZE_MAX);
        say(pair, "y");
        await_readable(pair->connection->fd);
        check_receive(pair, CONNECTION_RECEIVED, "xy", 2);
    }
    pair_free(pair);
}

/* Messages left for the next round are returned before anything new is received. */
/* A million idle clients take 300 bytes each: this, the allocator's header, and the tables. */
static void test_idle_takes_little_memory(void **state)
{
    (void)state;
    if (sizeof(void *) == 8)
        assert_true(sizeof(struct connection) <= 256 - sizeof(void *));
}

static void test_receive_more(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    say(pair, "a,b,c,");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "a,b,c,", 2);
    pair->connection->more = true;
    say(pair, "d,");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "b,c,", 2);
    assert_false(pair->connection->more);
    check_receive(pair, CONNECTION_RECEIVED, "c,d,", 4);
    pair_free(pair);
}

static void test_end_of_sending(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    say(pair, "a,b,ta");
    assert_return_code(shutdown(pair->peer, SHUT_WR), errno);
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "a,b,ta", 2);
    assert_false(pair->connection->ended);
    check_receive(pair, CONNECTION_ENDED, "b,ta", 2);
    assert_true(pair->connection->ended);
    check_receive(pair, CONNECTION_ENDED, "ta", 2);
    check_receive(pair, CONNECTION_ENDED, "", 0);
    pair_free(pair);
}

static void test_reset(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    say(pair, "half");
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RECEIVED, "half", 0);
    reset_peer(pair);
    await_readable(pair->connection->fd);
    check_receive(pair, CONNECTION_RESET, "", 0);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(pair->connection->in.size, 4);
    pair_free(pair);
}

/* ------------------------------------------------------------------------------------ sending */

static void check_peer_reads(const struct pair *pair, const unsigned char *expected, size_t size)
{
    unsigned char *bytes = malloc(size);
    size_t got = 0;

    assert_non_null(bytes);
    while (got < size) {
        ssize_t count = recv(pair->peer, bytes + got, size - got, 0);
        assert_true(count > 0);
        got += (size_t)count;
    }
    assert_memory_equal(bytes, expected, size);
    free(bytes);
}

static void test_send(void **state)
{
    struct pair *pair = pair_new(8);
    const unsigned char *replies = (const unsigned char *)"one\ntwo\n";

    (void)state;
    assert_int_equal(connection_send(pair->connection, NULL, 0), CONNECTION_SENT);
    assert_int_equal(connection_send(pair->connection, replies, 8), CONNECTION_SENT);
    assert_int_equal(pair->connection->out.capacity, 0);
    check_peer_reads(pair, replies, 8);
    pair_free(pair);
}

/* A peer that reads late gets everything once and in order. After that no memory is held. */
static void test_send_in_portions(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 }; /* more than the kernel keeps for one connection */
    struct pair *pair = pair_new(8);
    unsigned char *replies = malloc(SIZE);
    unsigned char *got = malloc(SIZE);
    size_t received = 0;
    int portions = 0;

    (void)state;
    assert_non_null(replies);
    assert_non_null(got);
    for (size_t at = 0; at < SIZE; at++)
        replies[at] = (unsigned char)(at * 7 + at / 251);
    assert_int_equal(connection_send(pair->connection, replies, SIZE), CONNECTION_UNSENT);
    assert_true(pair->connection->out.size > 0 && pair->connection->out.size < SIZE);
    while (received < SIZE) {
        ssize_t count = recv(pair->peer, got + received, SIZE - received, 0);
        assert_true(count > 0);
        received += (size_t)count;
        if (pair->connection->out.size == 0)
            continue;
        enum connection_sent sent = connection_send(pair->connection, NULL, 0);
        assert_int_equal(sent,
                         pair->connection->out.size > 0 ? CONNECTION_UNSENT : CONNECTION_SENT);
        portions++;
    }
    assert_true(portions > 1);
    assert_memory_equal(got, replies, SIZE);
    assert_int_equal(pair->connection->out.capacity, 0);
    free(replies);
    free(got);
    pair_free(pair);
}

/* What the peer sent before its close is read to the end, and the tail is a whole message. */
static void test_send_after_the_peer_closed(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    say(pair, "a,tail");
    close_peer(pair);
    assert_int_equal(connection_send(pair->connection, "reply", 5), CONNECTION_SENT);
    await_broken(pair); /* the peer's kernel answered that reply with a reset */
    assert_int_equal(connection_send(pair->connection, "reply", 5), CONNECTION_GONE);
    assert_int_equal(pair->connection->out.size, 0);
    check_receive(pair, CONNECTION_RECEIVED, "a,tail", 2);
    check_receive(pair, CONNECTION_ENDED, "tail", 4);
    pair_free(pair);
}

/* After a reset the tail is not a message, even if send() was the call that reported the reset. */
static void test_send_after_a_reset(void **state)
{
    struct pair *pair = pair_new(8);

    (void)state;
    say(pair, "a,half");
    reset_peer(pair);
    await_broken(pair);
    assert_int_equal(connection_send(pair->connection, "reply", 5), CONNECTION_GONE);
    check_receive(pair, CONNECTION_RECEIVED, "a,half", 2);
    check_receive(pair, CONNECTION_RESET, "", 0);
    assert_int_equal(errno, ECONNRESET);
    assert_false(pair->connection->ended);
    pair_free(pair);
}

static void test_discard(void **state)
{
    struct pair *pair = pair_new(8);
    char byte;

    (void)state;
    assert_true(buffer_append(&pair->connection->in, "half", 4));
    pair->connection->more = true; /* as after a commit that was refused */
    say(pair, "garbage");
    connection_discard(pair->connection, NOW);
    assert_false(pair->connection->more); /* otherwise it would be processed forever */
    assert_int_equal(pair->connection->state, CONNECTION_DISCARDING);
    assert_int_equal(pair->connection->in.capacity, 0);
    assert_int_equal(recv(pair->peer, &byte, 1, 0), 0); /* the peer sees the end of the stream */
    await_readable(pair->connection->fd);
    assert_true(connection_drain(pair->connection, pair->scratch, 4));
    assert_true(connection_drain(pair->connection, pair->scratch, 4));
    assert_true(connection_drain(pair->connection, pair->scratch, 4)); /* nothing at the moment */
    close_peer(pair);
    await_readable(pair->connection->fd);
    assert_false(connection_drain(pair->connection, pair->scratch, 4));
    pair_free(pair);
}

/* ------------------------------------------------------------------------------------ timeouts */

struct overdue_case {
    int64_t unfinished_since;
    int64_t unsent_since;
    int64_t last_message;
    uint64_t stall_timeout;
    uint64_t idle_timeout;
    int64_t due;
    const char *why;      /* at NOW */
    enum metrics_end end; /* METRICS_ENDS: no timeout is exceeded */
};

static const struct overdue_case overdues[] = {
    {0, 0, NOW, 0, 0, DEADLINE_NEVER, "", METRICS_ENDS},
    {0, 0, NOW, 60, 0, DEADLINE_NEVER, "", METRICS_ENDS},
    {0, 0, NOW, 0, 60, NOW + 60LL * SECOND, "", METRICS_ENDS},
    {NOW - SECOND, 0, NOW, 60, 0, NOW + 59LL * SECOND, "", METRICS_ENDS},
    {NOW - SECOND, NOW - 2 * SECOND, NOW, 60, 59, NOW + 58LL * SECOND, "", METRICS_ENDS},
    {NOW - SECOND, NOW - SECOND, NOW, 0, 0, DEADLINE_NEVER, "", METRICS_ENDS},
    {0, 0, NOW - 60LL * SECOND + 1, 0, 60, NOW + 1, "", METRICS_ENDS},
    {0, 0, NOW - 60LL * SECOND, 0, 60, NOW, "no message came within idle_timeout",
     METRICS_ENDED_IDLE},
    {NOW - 60LL * SECOND, 0, NOW, 60, 0, NOW, "an unfinished message is older than stall_timeout",
     METRICS_ENDED_STALLED},
    {0, NOW - 60LL * SECOND, NOW, 60, 0, NOW, "replies were not read within stall_timeout",
     METRICS_ENDED_STALLED},
    /* The timeout that is exceeded counts, whatever else the connection is doing. */
    {NOW - 10LL * SECOND, 0, NOW - 10LL * SECOND, 60, 10, NOW,
     "no message came within idle_timeout", METRICS_ENDED_IDLE},
    {0, NOW - 10LL * SECOND, NOW - 10LL * SECOND, 60, 10, NOW,
     "no message came within idle_timeout", METRICS_ENDED_IDLE},
    {NOW - 60LL * SECOND, NOW - SECOND, NOW, 60, 0, NOW + 59LL * SECOND, "",
     METRICS_ENDS}, /* not counted while replies are unsent */
    {0, NOW - SECOND, NOW - 60LL * SECOND, 0, 60, NOW + 59LL * SECOND, "",
     METRICS_ENDS}, /* it is reading */
};

static void test_overdue(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof overdues / sizeof *overdues; at++) {
        const struct overdue_case *one = &overdues[at];
        struct config_listener config = {.stall_timeout = one->stall_timeout,
                                         .idle_timeout = one->idle_timeout};
        struct listener_settings settings = {.config = &config};
        struct connection connection = {.settings = &settings,
                                        .unfinished_since = one->unfinished_since,
                                        .unsent_since = one->unsent_since,
                                        .out.size = one->unsent_since != 0,
                                        .last_message = one->last_message};
        const struct overdue overdue = connection_overdue(&connection, NOW);
        assert_string_equal(overdue.why, one->why);
        assert_int_equal(overdue.due, one->due);
        if (one->end != METRICS_ENDS)
            assert_int_equal(overdue.end, one->end);
    }
}

/* A refused peer has two seconds, regardless of the configuration. */
static void test_overdue_discarding(void **state)
{
    struct config_listener config = {0};
    struct listener_settings settings = {.config = &config};
    struct connection connection = {.settings = &settings,
                                    .state = CONNECTION_DISCARDING,
                                    .unsent_since = NOW,
                                    .end = METRICS_ENDED_TOO_LONG};

    (void)state;
    struct overdue overdue = connection_overdue(&connection, NOW);
    assert_string_equal(overdue.why, "");
    assert_int_equal(overdue.due, NOW + 2LL * SECOND);
    overdue = connection_overdue(&connection, overdue.due);
    assert_string_not_equal(overdue.why, "");
    assert_int_equal(overdue.end, METRICS_ENDED_TOO_LONG); /* the reason for the refusal */
}

/* stall_timeout does not apply to confirmed replies, but to replies without progress. */
static void test_replies_that_do_not_arrive(void **state)
{
    static char reply[1 << 16];
    const int64_t later = NOW + 10LL * SECOND;
    struct pair *pair = pair_new(8);
    struct connection *connection = pair->connection;

    (void)state;
    pair->config.stall_timeout = 10;
    assert_int_equal(connection_send(connection, "reply", 5), CONNECTION_SENT);
    assert_int_equal(connection->sent, 5);
    connection->sent_since = NOW;
    assert_int_equal(connection_overdue(connection, NOW).due, later);
    connection_note_confirmed(connection, later); /* loopback has confirmed it */
    assert_int_equal(connection->sent_since, 0);
    assert_string_equal(connection_overdue(connection, later).why, "");

    while (connection_send(connection, reply, sizeof reply) == CONNECTION_SENT)
        continue; /* the peer does not read */
    buffer_free(&connection->out);
    connection->sent_since = NOW;
    connection_note_confirmed(connection, later); /* some bytes were confirmed: progress */
    assert_int_equal(connection->sent_since, later);
    connection_note_confirmed(connection, later + 10LL * SECOND);
    assert_int_equal(connection->sent_since, later);
    struct overdue overdue = connection_overdue(connection, later + 10LL * SECOND);
    assert_string_equal(overdue.why, "replies did not arrive within stall_timeout");
    assert_int_equal(overdue.end, METRICS_ENDED_STALLED);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_receive_byte_by_byte),
        cmocka_unit_test(test_unfinished_takes_memory_for_its_size),
        cmocka_unit_test(test_whole_messages_are_not_kept),
        cmocka_unit_test(test_idle_takes_little_memory),
        cmocka_unit_test(test_receive_more),
        cmocka_unit_test(test_end_of_sending),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_send_in_portions),
        cmocka_unit_test(test_send_after_the_peer_closed),
        cmocka_unit_test(test_send_after_a_reset),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_overdue_discarding),
        cmocka_unit_test(test_replies_that_do_not_arrive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
