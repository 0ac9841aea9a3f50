/*
 * Why: a lost deadline keeps a dead connection forever; a stale one ends the next connection with
 * the same descriptor. The heap is compared with a plain array over many random steps.
 */
#include "server/connection/deadlines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DESCRIPTORS = 150, STEPS = 200000 };

/* By descriptor; DEADLINE_NEVER: none. */
struct model {
    int64_t due[DESCRIPTORS];
};

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

static int64_t first_of(const struct model *model)
{
    int64_t first = DEADLINE_NEVER;

    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (model->due[fd] < first)
            first = model->due[fd];
    return first;
}

static void check_same(const struct deadlines *deadlines, const struct model *model)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        assert_int_equal(deadlines_of(deadlines, fd), model->due[fd]);
}

/* Takes everything that is due: each descriptor once, the earliest first. */
static void take_due(struct deadlines *deadlines, struct model *model, int64_t now)
{
    int fd;

    while ((fd = deadlines_take(deadlines, now)) >= 0) {
        assert_true(fd < DESCRIPTORS);
        assert_true(model->due[fd] <= now);
        assert_int_equal(model->due[fd], first_of(model));
        model->due[fd] = DEADLINE_NEVER;
    }
    assert_true(first_of(model) > now);
}

static void test_against_a_plain_array(void **state)
{
    struct deadlines *deadlines = deadlines_new();
    struct model model;
    uint32_t random = 1;
    int64_t now = 0;

    (void)state;
    assert_non_null(deadlines);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        model.due[fd] = DEADLINE_NEVER;
    for (int step = 0; step < STEPS; step++) {
        int fd = (int)(next_random(&random) % DESCRIPTORS);
        uint32_t what = next_random(&random) % 16;
        if (what < 10) {
            model.due[fd] = now + next_random(&random) % 200; /* many are equal */
            assert_true(deadlines_set(deadlines, fd, model.due[fd]));
        } else if (what < 15) {
            model.due[fd] = DEADLINE_NEVER;
            deadlines_clear(deadlines, fd);
        } else {
            now += next_random(&random) % 30;
            take_due(deadlines, &model, now);
        }
        assert_int_equal(deadlines_first(deadlines), first_of(&model));
        assert_int_equal(deadlines_of(deadlines, fd), model.due[fd]);
        if (step % 1000 == 0)
            check_same(deadlines, &model);
    }
    take_due(deadlines, &model, now + 1000);
    assert_int_equal(deadlines_first(deadlines), DEADLINE_NEVER);
    deadlines_free(deadlines);
}

static void test_none(void **state)
{
    struct deadlines *deadlines = deadlines_new();

    (void)state;
    assert_non_null(deadlines);
    assert_int_equal(deadlines_first(deadlines), DEADLINE_NEVER);
    assert_int_equal(deadlines_of(deadlines, 5), DEADLINE_NEVER);
    assert_int_equal(deadlines_take(deadlines, INT64_MAX - 1), -1);
    deadlines_clear(deadlines, 5); /* has none */
    deadlines_clear(deadlines, 100000);
    deadlines_free(deadlines);
    deadlines_free(NULL);
}

static void test_due_exactly_now(void **state)
{
    struct deadlines *deadlines = deadlines_new();

    (void)state;
    assert_non_null(deadlines);
    assert_true(deadlines_set(deadlines, 100000, 10));
    assert_int_equal(deadlines_take(deadlines, 9), -1);
    assert_int_equal(deadlines_take(deadlines, 10), 100000);
    assert_int_equal(deadlines_take(deadlines, 10), -1);
    assert_true(deadlines_set(deadlines, 3, 10));
    assert_true(deadlines_set(deadlines, 3, 20)); /* replaces */
    assert_int_equal(deadlines_take(deadlines, 19), -1);
    assert_int_equal(deadlines_take(deadlines, 20), 3);
    deadlines_free(deadlines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_due_exactly_now),
        cmocka_unit_test(test_against_a_plain_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
