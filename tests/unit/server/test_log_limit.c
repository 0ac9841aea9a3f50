/*
 * Why: a peer that causes a log line with each packet can fill the disk. The limit is one line per
 * second for each address and a bound for all addresses, and every suppressed line is counted.
 */
#include "server/connection/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct log_rate one_a_second = {1, 1000000}, three_at_once = {3, 1000000};

static struct peer_key numbered_key(uint32_t number)
{
    struct peer_key key = {0};

    memcpy(&key.address.s6_addr[12], &number, sizeof number);
    return key;
}

static void test_one_a_second(void **state)
{
    struct log_limit limit = {0};
    const struct peer_key key = numbered_key(1);
    const int64_t start = 5000000;
    uint64_t held = 99;

    (void)state;
    assert_true(log_limit_allows(&limit, &one_a_second, &key, start, &held));
    assert_int_equal(held, 0);
    for (int i = 1; i < 1000; i++)
        assert_false(log_limit_allows(&limit, &one_a_second, &key, start + i * 1000, &held));
    assert_true(log_limit_allows(&limit, &one_a_second, &key, start + 1000000, &held));
    assert_int_equal(held, 999);
    assert_false(log_limit_allows(&limit, &one_a_second, &key, start + 1999999, &held));
    assert_true(log_limit_allows(&limit, &one_a_second, &key, start + 9000000, &held));
    assert_int_equal(held, 1);
}

static void test_some_at_once(void **state)
{
    struct log_limit limit = {0};
    const struct peer_key key = numbered_key(1);
    const int64_t start = 5000000;
    uint64_t held;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(log_limit_allows(&limit, &three_at_once, &key, start + i, &held));
    assert_false(log_limit_allows(&limit, &three_at_once, &key, start + 3, &held));
    assert_true(log_limit_allows(&limit, &three_at_once, &key, start + 1000000, &held));
    assert_false(log_limit_allows(&limit, &three_at_once, &key, start + 1000001, &held));
    for (int i = 0; i < 3; i++) /* three seconds later all three are allowed again */
        assert_true(log_limit_allows(&limit, &three_at_once, &key, start + 4000000 + i, &held));
    assert_false(log_limit_allows(&limit, &three_at_once, &key, start + 4000003, &held));
}

static void test_all_together(void **state)
{
    struct log_limit limit = {0};
    uint64_t allowed = 0, held_now = 0, held = 0;

    (void)state;
    for (uint32_t number = 0; number < 100000; number++) {
        const struct peer_key key = numbered_key(number);
        allowed += log_limit_allows(&limit, &one_a_second, &key, 5000000, &held);
    }
    assert_true(allowed > LOG_LIMIT_PLACES / 2 && allowed <= LOG_LIMIT_PLACES);
    for (uint32_t number = 0; number < 100000; number++) {
        const struct peer_key key = numbered_key(number);
        if (log_limit_allows(&limit, &one_a_second, &key, 6000000, &held))
            held_now += held;
    }
    assert_int_equal(held_now, 100000 - allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_a_second),
        cmocka_unit_test(test_some_at_once),
        cmocka_unit_test(test_all_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
