/*
 * Why: a message that leaves the window by mistake is lost; one that stays by mistake is sent
 * twice. Many random steps, with lost connections, are compared with a plain list of messages. Each
 * condition also has a test of its own.
 */
#include "client/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* xorshift64, with the same numbers in every run. */
static size_t next_random(void)
{
    static uint64_t random = 88172645463325252;

    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return (size_t)random;
}

static void add(struct window *window, uint64_t line, const char *text)
{
    assert_true(window_has_room(window));
    assert_true(window_add(window, line, (int64_t)line * 10, text, strlen(text)));
    window_allow(window, SIZE_MAX);
}

static void send_bytes(struct window *window, size_t size)
{
    size_t unsent;

    assert_non_null(window_unsent(window, &unsent));
    assert_true(size <= unsent);
    window_advance(window, size);
}

static void test_one_message(void **state)
{
    struct window window;
    size_t size;

    (void)state;
    window_init(&window, FRAMING_LINE, 1, SIZE_MAX);
    assert_null(window_unsent(&window, &size));
    assert_int_equal(size, 0);
    assert_false(window_awaits(&window));
    add(&window, 7, "abc");
    assert_false(window_has_room(&window));
    assert_memory_equal(window_unsent(&window, &size), "abc\n", 4);
    assert_int_equal(size, 4);
    send_bytes(&window, 3);
    assert_false(window_awaits(&window));
    assert_true(window_sent_in_part(&window));
    assert_int_equal(window_count_sent(&window), 0);
    send_bytes(&window, 1);
    assert_true(window_awaits(&window));
    assert_false(window_sent_in_part(&window));
    assert_int_equal(window_count_sent(&window), 1);
    struct window_message message = window_acknowledge(&window);
    assert_int_equal(message.line, 7);
    assert_int_equal(message.start_us, 70);
    assert_int_equal(window.count, 0);
    assert_false(window_awaits(&window));
    window_free(&window);
}

static void test_sent_again(void **state)
{
    struct window window;
    size_t size;

    (void)state;
    window_init(&window, FRAMING_LINE, 4, SIZE_MAX);
    add(&window, 1, "a");
    add(&window, 2, "bb");
    add(&window, 3, "ccc");
    send_bytes(&window, 2 + 3 + 1); /* a, bb and a part of ccc */
    (void)window_acknowledge(&window);
    assert_int_equal(window_rewind(&window), 1);
    assert_null(window_unsent(&window, &size)); /* not allowed yet */
    window_allow(&window, 4);
    assert_memory_equal(window_unsent(&window, &size), "bb\nccc\n", 7);
    assert_int_equal(size, 7);
    assert_int_equal(window_count_sent(&window), 1); /* bb, over an earlier connection */
    assert_false(window_sent_in_part(&window));
    assert_false(window_awaits(&window));
    assert_int_equal(window_rewind(&window), 0); /* nothing was sent in between */
    assert_int_equal(window_count_sent(&window), 1);
    window_allow(&window, 4);
    send_bytes(&window, 7);
    (void)window_acknowledge(&window);
    (void)window_acknowledge(&window);
    add(&window, 4, "d");
    assert_int_equal(window_count_sent(&window), 0);
    window_free(&window);
}

/* After a lost connection, a few messages are sent at a time. */
static void test_some_are_allowed(void **state)
{
    struct window window;
    size_t size;

    (void)state;
    window_init(&window, FRAMING_LINE, 4, SIZE_MAX);
    add(&window, 1, "a");
    add(&window, 2, "bb");
    add(&window, 3, "ccc");
    (void)window_rewind(&window);
    assert_memory_equal(window_oldest(&window, &size), "a\n", 2);
    assert_int_equal(size, 2);
    assert_false(window_sent_one(&window)); /* no message is sent */
    window_allow(&window, 1);
    assert_memory_equal(window_unsent(&window, &size), "a\n", 2);
    assert_int_equal(size, 2);
    send_bytes(&window, 1);
    assert_true(window_sent_one(&window));
    send_bytes(&window, 1);
    assert_true(window_sent_one(&window));
    assert_null(window_unsent(&window, &size));
    window_allow(&window, 2);
    window_allow(&window, 1); /* an allowed message stays allowed */
    assert_memory_equal(window_unsent(&window, &size), "bb\n", 3);
    assert_int_equal(size, 3);
    send_bytes(&window, 1);
    assert_false(window_sent_one(&window));
    (void)window_acknowledge(&window);
    assert_true(window_sent_one(&window));
    send_bytes(&window, 2);
    (void)window_acknowledge(&window);
    assert_null(window_unsent(&window, &size));
    window_allow(&window, SIZE_MAX);
    assert_memory_equal(window_unsent(&window, &size), "ccc\n", 4);
    assert_int_equal(size, 4);
    window_free(&window);
}

static void test_bytes_bound_it_too(void **state)
{
    struct window window;
    enum { LIMIT = 1000000, LARGE = LIMIT / 2 };
    char *text = calloc(1, LARGE);
    size_t size;

    (void)state;
    assert_non_null(text);
    window_init(&window, FRAMING_OCTET, 1000, LIMIT);
    for (uint64_t line = 1; line <= 2; line++) {
        assert_true(window_has_room(&window));
        assert_true(window_add(&window, line, 0, text, LARGE));
        window_allow(&window, 2);
    }
    assert_false(window_has_room(&window));
    (void)window_unsent(&window, &size);
    window_advance(&window, size);
    assert_false(window_has_room(&window)); /* sent messages are not acknowledged yet */
    (void)window_acknowledge(&window);
    assert_true(window_has_room(&window));
    window_free(&window);
    free(text);
}

/* A message that alone exceeds the limit of bytes is sent, with no other in flight. */
static void test_a_message_above_the_limit(void **state)
{
    struct window window;

    (void)state;
    window_init(&window, FRAMING_LINE, 1000, 1);
    add(&window, 1, "more than one byte");
    assert_false(window_has_room(&window));
    send_bytes(&window, sizeof "more than one byte");
    (void)window_acknowledge(&window);
    add(&window, 2, ""); /* its newline is the one byte */
    assert_false(window_has_room(&window));
    window_free(&window);
}

/* The ring grows while its oldest message is at any place in it; the memory has a bound. */
static void test_grows_with_what_is_in_flight(void **state)
{
    enum { LIMIT = 3000 };

    (void)state;
    for (uint64_t before = 0; before < 40; before++) {
        struct window window;
        uint64_t line = 0, next_due = 1;
        window_init(&window, FRAMING_LINE, SIZE_MAX, LIMIT);
        for (; line < before; next_due++) {
            add(&window, ++line, "before");
            send_bytes(&window, sizeof "before");
            assert_int_equal(window_acknowledge(&window).line, next_due);
        }
        assert_true(window.slots <= 16);
        while (window_has_room(&window)) {
            line++;
            add(&window, line, line % 2 == 0 ? "" : "x");
        }
        assert_true(window_bytes(&window) >= LIMIT && window_bytes(&window) <= LIMIT + 1);
        assert_int_equal(window.count, line - before);
        assert_true(window.slots < 2 * window.count && window.bytes.capacity <= 4 * LIMIT);
        send_bytes(&window, window_bytes(&window));
        for (; next_due <= line; next_due++)
            assert_int_equal(window_acknowledge(&window).line, next_due);
        assert_int_equal(window.count, 0);
        window_free(&window);
    }
}

static void test_random_steps(void **state)
{
    enum { STEPS = 100000, CAPACITY = 50 };
    struct window window;
    uint64_t next_line = 1, next_due = 1;

    (void)state;
    window_init(&window, FRAMING_LINE, CAPACITY, SIZE_MAX);
    for (int step = 0; step < STEPS; step++) {
        char text[32];
        size_t size;
        const unsigned char *unsent;
        switch (next_random() % 4) {
        case 0:
            if (!window_has_room(&window))
                break;
            (void)snprintf(text, sizeof text, "%0*llu", (int)(next_random() % 20),
                           (unsigned long long)next_line);
            add(&window, next_line++, text);
            break;
        case 1:
            unsent = window_unsent(&window, &size);
            if (unsent == NULL)
                break;
            size = 1 + next_random() % size;
            window_advance(&window, size);
            break;
        case 2:
            if (!window_awaits(&window))
                break;
            assert_int_equal(window_acknowledge(&window).line, next_due);
            next_due++;
            break;
        default:
            if (next_random() % 10 > 0)
                break;
            (void)window_rewind(&window);
            window_allow(&window, 1 + next_random() % CAPACITY);
            unsent = window_unsent(&window, &size);
            assert_true((unsent == NULL) == (window.count == 0));
            if (unsent != NULL)
                assert_int_equal(strtoull((const char *)unsent, NULL, 10), next_due);
        }
        assert_int_equal(window.count, next_line - next_due);
        assert_true(window.bytes.capacity <= 4096); /* acknowledged bytes are dropped */
    }
    window_free(&window);
}

/* What is sent again over another connection begins with that connection's first number. */
static void test_numbers_of_another_connection(void **state)
{
    struct window window;
    size_t size;

    (void)state;
    window_init(&window, FRAMING_RELP, 3, SIZE_MAX);
    for (uint64_t line = 1; line <= 3; line++)
        add(&window, line, "x");
    send_bytes(&window, 40);
    (void)window_acknowledge(&window);
    add(&window, 4, "y"); /* in the place of the first */
    assert_int_equal(window_rewind(&window), 0);
    window_allow(&window, 3);
    const char wanted[] = "000000002 syslog 1 x\n000000003 syslog 1 x\n000000004 syslog 1 y\n";
    const unsigned char *bytes = window_unsent(&window, &size);
    assert_int_equal(size, sizeof wanted - 1);
    assert_memory_equal(bytes, wanted, size);
    send_bytes(&window, size);
    (void)window_acknowledge(&window);
    add(&window, 5, "z");
    assert_memory_equal(window_unsent(&window, &size), "000000005 syslog 1 z\n", 21);
    window_free(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_message),
        cmocka_unit_test(test_sent_again),
        cmocka_unit_test(test_some_are_allowed),
        cmocka_unit_test(test_bytes_bound_it_too),
        cmocka_unit_test(test_a_message_above_the_limit),
        cmocka_unit_test(test_grows_with_what_is_in_flight),
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_numbers_of_another_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
