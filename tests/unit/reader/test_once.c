/* Why: a message taken for a repeat is a lost message; one not known again is there twice. */
#include "reader/once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum once_result see(struct once *once, const char *message)
{
    struct numbered numbered;

    assert_true(numbered_read(message, strlen(message), &numbered));
    return once_see(once, &numbered, message, strlen(message));
}

static void test_repeats(void **state)
{
    struct once once = {.seed = {1, 2}};

    (void)state;
    assert_int_equal(see(&once, "a 1 x"), ONCE_NEW);
    assert_int_equal(see(&once, "a 1 x"), ONCE_REPEAT);
    assert_int_equal(see(&once, "b 1 x"), ONCE_NEW);
    assert_int_equal(see(&once, "a 2 x"), ONCE_NEW);
    assert_int_equal(see(&once, "a 9 x"), ONCE_NEW);
    assert_int_equal(see(&once, "a 1 x"), ONCE_REPEAT);
    once_free(&once);
}

static void test_other_texts(void **state)
{
    struct once once = {.seed = {1, 2}};

    (void)state;
    assert_int_equal(see(&once, "a 1 x"), ONCE_NEW);
    assert_int_equal(see(&once, "a 1 y"), ONCE_CHANGED);
    assert_int_equal(see(&once, "a 1 z"), ONCE_CHANGED);
    assert_int_equal(see(&once, "a 1 y"), ONCE_REPEAT);
    assert_int_equal(see(&once, "a 1 z"), ONCE_REPEAT);
    assert_int_equal(see(&once, "a 1 x"), ONCE_REPEAT);
    once_free(&once);
}

/* In every order, at every growth of the table. */
static void test_many(void **state)
{
    struct once once = {.seed = {3, 4}};
    char message[64];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 20000; i++) {
            uint64_t number = 1 + i * 7919 % 20000 * (i % 2 == 0 ? 1 : 1000003);
            (void)snprintf(message, sizeof message, "n%d %llu x", (int)(i % 3),
                           (unsigned long long)number);
            assert_int_equal(see(&once, message), round == 0 ? ONCE_NEW : ONCE_REPEAT);
        }
    once_free(&once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_other_texts),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
