/*
 * Why: a thousand clients that reconnect at the same time keep a server down. Waits must double up
 * to the limit, differ between clients, and start again after a success.
 */
#include "client/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_between(int64_t value, int64_t low, int64_t high)
{
    assert_true(value >= low);
    assert_true(value <= high);
}

static void test_doubles_up_to_the_limit(void **state)
{
    struct backoff backoff;

    (void)state;
    backoff_init(&backoff, 5000000, 42);
    for (int64_t step = 100000; step < 5000000; step *= 2)
        expect_between(backoff_next(&backoff), step / 2, step);
    for (int i = 0; i < 1000; i++)
        expect_between(backoff_next(&backoff), 2500000, 5000000);
    backoff_reset(&backoff);
    expect_between(backoff_next(&backoff), 50000, 100000);
    backoff_lengthen(&backoff);
    expect_between(backoff_next(&backoff), 2500000, 5000000);
}

static void test_small_limits(void **state)
{
    struct backoff backoff;

    (void)state;
    for (int64_t limit = 1; limit < 200; limit++) {
        backoff_init(&backoff, limit, (uint64_t)limit);
        for (int i = 0; i < 10; i++)
            expect_between(backoff_next(&backoff), limit / 2, limit);
    }
}

static void test_clients_differ(void **state)
{
    enum { CLIENTS = 100 };
    int64_t waits[CLIENTS];
    int equal = 0;

    (void)state;
    for (uint64_t seed = 0; seed < CLIENTS; seed++) {
        struct backoff backoff;
        backoff_init(&backoff, 5000000, seed * 12345);
        (void)backoff_next(&backoff);
        waits[seed] = backoff_next(&backoff);
        for (uint64_t other = 0; other < seed; other++)
            equal += waits[other] == waits[seed];
    }
    assert_true(equal < CLIENTS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_limit),
        cmocka_unit_test(test_small_limits),
        cmocka_unit_test(test_clients_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
