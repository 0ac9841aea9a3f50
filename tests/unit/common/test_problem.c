/* An error text is formatted and, if too long, cut; a caller can add to it. */
#include "common/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_is_formatted_and_false(void **state)
{
    struct problem problem;

    (void)state;
    assert_false(problem_set(&problem, "cannot %s %d", "open", 7));
    assert_string_equal(problem.text, "cannot open 7");
}

static void test_a_caller_adds_to_it(void **state)
{
    struct problem problem;

    (void)state;
    problem_set(&problem, "no such file");
    problem_set(&problem, "cannot read %s: %s", "a", problem.text);
    assert_string_equal(problem.text, "cannot read a: no such file");
}

static void test_a_long_one_is_cut(void **state)
{
    char text[2 * PROBLEM_SIZE];
    struct problem problem;

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    problem_set(&problem, "%s", text);
    assert_int_equal(strlen(problem.text), PROBLEM_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_formatted_and_false),
        cmocka_unit_test(test_a_caller_adds_to_it),
        cmocka_unit_test(test_a_long_one_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
