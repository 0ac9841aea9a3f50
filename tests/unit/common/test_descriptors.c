/*
 * select() sees more than FD_SETSIZE descriptors only because tcpack keeps its own sets. A wrong
 * bit in one of them is a client that is never served; a write after the end is memory corruption
 * that shows up elsewhere. This compares a set with a plain array of flags, around every word's
 * edge, and passes one with a descriptor far above FD_SETSIZE to the kernel.
 */
#include "common/descriptors.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { HIGHEST = 5000 };

static void test_zeroed_is_empty(void **unused)
{
    struct descriptor_set set = {0};
    struct descriptor_set other = {0};

    (void)unused;
    assert_false(descriptor_set_has(&set, 0));
    assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), -1);
    descriptor_set_remove(&set, 0);
    descriptor_set_copy(&set, &other, HIGHEST);
    assert_null(descriptor_set_for_select(&set));
    descriptor_set_free(&set);
}

static void test_members_around_the_edges_of_words(void **unused)
{
    struct descriptor_set set = {0};

    (void)unused;
    for (int fd = 0; fd <= HIGHEST; fd++) {
        assert_true(descriptor_set_grow(&set, fd));
        assert_false(descriptor_set_has(&set, fd));
        descriptor_set_add(&set, fd);
        assert_true(descriptor_set_has(&set, fd));
        assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), fd);
        assert_int_equal(descriptor_set_next(&set, fd, INT_MAX), fd);
        assert_int_equal(descriptor_set_next(&set, fd + 1, INT_MAX), -1);
        assert_false(descriptor_set_has(&set, fd + 1));
        if (fd > 0)
            assert_false(descriptor_set_has(&set, fd - 1));
        descriptor_set_remove(&set, fd);
        assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), -1);
    }
    descriptor_set_free(&set);
}

static void test_growing_keeps_members_and_adds_none(void **unused)
{
    struct descriptor_set set = {0};

    (void)unused;
    assert_true(descriptor_set_grow(&set, 3));
    descriptor_set_add(&set, 3);
    for (int fd = 4; fd <= HIGHEST; fd *= 2) {
        assert_true(descriptor_set_grow(&set, fd));
        assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), 3);
        assert_int_equal(descriptor_set_next(&set, 4, INT_MAX), -1);
    }
    descriptor_set_free(&set);
}

static void test_next_finds_all_in_order(void **unused)
{
    static bool member[HIGHEST + 1];
    struct descriptor_set set = {0};
    uint32_t random = 1;

    (void)unused;
    assert_true(descriptor_set_grow(&set, HIGHEST));
    for (int i = 0; i < HIGHEST / 10; i++) {
        random = random * 1664525 + 1013904223;
        int fd = (int)(random >> 8) % (HIGHEST + 1);
        member[fd] = !member[fd];
        if (member[fd])
            descriptor_set_add(&set, fd);
        else
            descriptor_set_remove(&set, fd);
    }
    int at = 0;
    for (int fd = 0; fd <= HIGHEST; fd++) {
        assert_int_equal(descriptor_set_has(&set, fd), member[fd]);
        if (!member[fd])
            continue;
        assert_int_equal(descriptor_set_next(&set, at, INT_MAX), fd);
        assert_int_equal(descriptor_set_next(&set, at, fd + 1), fd);
        assert_int_equal(descriptor_set_next(&set, at, fd), -1);
        at = fd + 1;
    }
    assert_int_equal(descriptor_set_next(&set, at, INT_MAX), -1);
    descriptor_set_free(&set);
}

static void test_copy_is_equal_and_separate(void **unused)
{
    struct descriptor_set set = {0};
    struct descriptor_set copy = {0};

    (void)unused;
    assert_true(descriptor_set_grow(&set, HIGHEST));
    assert_true(descriptor_set_grow(&copy, HIGHEST));
    descriptor_set_add(&set, 64);
    descriptor_set_add(&set, HIGHEST);
    descriptor_set_add(&copy, 7);
    descriptor_set_copy(&copy, &set, HIGHEST + 1);
    assert_int_equal(descriptor_set_next(&copy, 0, INT_MAX), 64);
    assert_int_equal(descriptor_set_next(&copy, 65, INT_MAX), HIGHEST);
    descriptor_set_remove(&copy, 64);
    assert_true(descriptor_set_has(&set, 64));
    descriptor_set_free(&set);
    descriptor_set_free(&copy);
}

static void test_only_what_is_below_is_copied(void **unused)
{
    struct descriptor_set set = {0};
    struct descriptor_set other = {0};

    (void)unused;
    assert_true(descriptor_set_grow(&set, HIGHEST));
    assert_true(descriptor_set_grow(&other, HIGHEST));
    descriptor_set_add(&set, 3);
    descriptor_set_add(&other, 5);
    descriptor_set_add(&other, HIGHEST);
    descriptor_set_copy(&set, &other, 6);
    assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), 5);
    assert_int_equal(descriptor_set_next(&set, 6, INT_MAX), -1);
    descriptor_set_free(&set);
    descriptor_set_free(&other);
}

/* As after a failed allocation for one of several sets. */
static void test_copy_to_a_larger_or_smaller_set(void **unused)
{
    struct descriptor_set small = {0};
    struct descriptor_set large = {0};

    (void)unused;
    assert_true(descriptor_set_grow(&small, 3));
    assert_true(descriptor_set_grow(&large, HIGHEST));
    descriptor_set_add(&large, 3);
    descriptor_set_copy(&small, &large, 4);
    assert_true(descriptor_set_has(&small, 3));
    descriptor_set_remove(&small, 3);
    descriptor_set_copy(&large, &small, 4);
    assert_false(descriptor_set_has(&large, 3));
    descriptor_set_free(&small);
    descriptor_set_free(&large);
}

static void test_no_room_is_no_member(void **unused)
{
    struct descriptor_set set = {0};

    (void)unused;
    assert_true(descriptor_set_grow(&set, 0));
    assert_false(descriptor_set_has(&set, 1000000));
    assert_false(descriptor_set_has(&set, -1));
    descriptor_set_remove(&set, 1000000);
    descriptor_set_remove(&set, -1);
    assert_int_equal(descriptor_set_next(&set, 1000000, INT_MAX), -1);
    descriptor_set_free(&set);
}

/* As high as the limit here allows, above FD_SETSIZE if possible. */
static void test_select_sees_a_high_descriptor(void **unused)
{
    struct descriptor_set set = {0};
    struct timeval at_once = {0};
    int ends[2];

    (void)unused;
    int high = (int)descriptors_raise_limit(HIGHEST + 1) - 1;
    high = high < HIGHEST ? high : HIGHEST;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], high), high);
    assert_true(descriptor_set_grow(&set, high));

    descriptor_set_add(&set, high);
    assert_int_equal(select(high + 1, descriptor_set_for_select(&set), NULL, NULL, &at_once), 0);
    assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), -1);

    assert_int_equal(write(ends[1], "x", 1), 1);
    descriptor_set_add(&set, high);
    descriptor_set_add(&set, ends[0]);
    assert_int_equal(select(high + 1, descriptor_set_for_select(&set), NULL, NULL, &at_once), 2);
    assert_int_equal(descriptor_set_next(&set, 0, INT_MAX), ends[0]);
    assert_int_equal(descriptor_set_next(&set, ends[0] + 1, INT_MAX), high);

    descriptor_set_free(&set);
    close(high);
    close(ends[0]);
    close(ends[1]);
}

static void test_limit_goes_up_to_the_hard_one_and_never_down(void **unused)
{
    struct rlimit limit;

    (void)unused;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    uint64_t before = limit.rlim_cur;
    assert_int_equal(descriptors_raise_limit(1), before);
    assert_int_equal(descriptors_raise_limit(UINT64_MAX - 1), limit.rlim_max);
    assert_int_equal(descriptors_raise_limit(1), limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_is_empty),
        cmocka_unit_test(test_members_around_the_edges_of_words),
        cmocka_unit_test(test_growing_keeps_members_and_adds_none),
        cmocka_unit_test(test_next_finds_all_in_order),
        cmocka_unit_test(test_copy_is_equal_and_separate),
        cmocka_unit_test(test_only_what_is_below_is_copied),
        cmocka_unit_test(test_copy_to_a_larger_or_smaller_set),
        cmocka_unit_test(test_no_room_is_no_member),
        cmocka_unit_test(test_select_sees_a_high_descriptor),
        cmocka_unit_test(test_limit_goes_up_to_the_hard_one_and_never_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
