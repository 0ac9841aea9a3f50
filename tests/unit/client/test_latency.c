/*
 * Why: users rely on the percentiles. Each one is compared with the exact value from the sorted
 * latencies. It must not be lower, nor more than 1/128 higher.
 */
#include "client/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct latency latency;

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

static void check_against_sorted(int64_t *values, size_t count)
{
    static const double shares[] = {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1};

    latency = (struct latency){0};
    for (size_t i = 0; i < count; i++)
        latency_record(&latency, values[i]);
    qsort(values, count, sizeof *values, compare);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double rank = shares[i] * (double)count;
        size_t at = (size_t)rank;
        if ((double)at == rank && at > 0)
            at--;
        int64_t exact = values[at];
        int64_t said = latency_within(&latency, shares[i]);
        assert_true(said >= exact);
        assert_true(said <= exact + exact / 128);
    }
    assert_int_equal(latency.count, count);
    assert_int_equal(latency.max_us, values[count - 1]);
    assert_int_equal(latency_within(&latency, 1), values[count - 1]);
}

static void test_bounded_error(void **state)
{
    enum { COUNT = 20000 };
    static int64_t values[COUNT];
    uint64_t random = 88172645463325252;

    (void)state;
    for (unsigned bits = 1; bits <= 41; bits++) {
        for (size_t i = 0; i < COUNT; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            values[i] = (int64_t)(random >> (64 - bits) >> (random % bits));
        }
        check_against_sorted(values, COUNT);
    }
}

static void test_each_bucket_border(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 41; bits++) {
        for (int64_t around = -2; around <= 2; around++) {
            int64_t value = ((int64_t)1 << bits) + around;
            if (value >= 0)
                check_against_sorted(&value, 1);
        }
    }
}

static void test_exact_below_256(void **state)
{
    (void)state;
    for (int64_t value = 0; value < 256; value++) {
        latency = (struct latency){0};
        latency_record(&latency, value);
        latency_record(&latency, 1000000);
        assert_int_equal(latency_within(&latency, 0.5), value);
    }
}

static void test_extremes(void **state)
{
    (void)state;
    latency = (struct latency){0};
    assert_int_equal(latency_within(&latency, 0.99), 0);
    latency_record(&latency, -5);
    assert_int_equal(latency_within(&latency, 1), 0);
    latency_record(&latency, INT64_MAX);
    assert_int_equal(latency.max_us, INT64_MAX);
    assert_true(latency_within(&latency, 1) >= (INT64_C(1) << 41));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded_error),
        cmocka_unit_test(test_each_bucket_border),
        cmocka_unit_test(test_exact_below_256),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
