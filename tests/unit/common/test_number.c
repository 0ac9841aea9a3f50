/*
 * Numbers in the configuration and from peers are read strictly: signs, blanks, prefixes and
 * overflow, which strtoul() accepts, are refused.
 */
#include "common/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_digits(void **unused)
{
    uint64_t number = 99;

    (void)unused;
    assert_true(number_parse("0", 10, 0, 0, &number));
    assert_int_equal(number, 0);
    assert_true(number_parse("0042", 10, 0, 100, &number));
    assert_int_equal(number, 42);
    assert_true(number_parse("0640", 8, 0, 0777, &number));
    assert_int_equal(number, 0640);
    assert_true(number_parse("18446744073709551615", 10, 0, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_true(number_parse("1777777777777777777777", 8, 0, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
}

static void test_anything_else(void **unused)
{
    static const char *const bad[] = {"",   " 1",  "1 ",  "+1", "-1", "-0", "0x1", "1e3",
                                      "1.", "1,0", "1\n", "a",  "/",  ":",  "\xb2"};
    uint64_t number = 99;

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(number_parse(bad[i], 10, 0, UINT64_MAX, &number));
    assert_false(number_parse("8", 8, 0, UINT64_MAX, &number));
    assert_false(number_parse("0o7", 8, 0, UINT64_MAX, &number));
    assert_int_equal(number, 99);
}

static void test_range(void **unused)
{
    uint64_t number = 99;

    (void)unused;
    assert_false(number_parse("0", 10, 1, 3, &number));
    assert_false(number_parse("4", 10, 1, 3, &number));
    assert_false(number_parse("18446744073709551616", 10, 0, UINT64_MAX, &number));
    assert_false(number_parse("18446744073709551620", 10, 0, UINT64_MAX, &number));
    assert_false(number_parse("99999999999999999999", 10, 0, UINT64_MAX, &number));
    assert_false(number_parse("2000000000000000000000", 8, 0, UINT64_MAX, &number));
    assert_int_equal(number, 99);
    assert_true(number_parse("1", 10, 1, 3, &number));
    assert_true(number_parse("3", 10, 1, 3, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_anything_else),
        cmocka_unit_test(test_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
