/*
 * Why: a problem that peers can cause and end at will must not fill the log, and a lasting one must
 * be logged. There is one beginning and one end, however often the problem returns within a second.
 */
#include "server/connection/episode.h"

#include "server/connection/deadlines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_comes_and_goes(void **state)
{
    struct episode episode = {0};
    int64_t now = 5000000;

    (void)state;
    assert_true(episode_due(&episode) == DEADLINE_NEVER);
    assert_true(episode_begins(&episode));
    for (int i = 0; i < 1000; i++) {
        episode_calms(&episode, now);
        now += EPISODE_CALM_US - 1;
        assert_false(episode_ends(&episode, now));
        assert_false(episode_begins(&episode));
        assert_true(episode_due(&episode) == DEADLINE_NEVER);
        assert_false(episode_ends(&episode, now));
    }
    episode_calms(&episode, now);
    episode_calms(&episode, now + 1); /* still calm: the time does not change */
    assert_int_equal(episode_due(&episode), now + EPISODE_CALM_US);
    assert_true(episode_ends(&episode, now + EPISODE_CALM_US));
    assert_false(episode_ends(&episode, now + EPISODE_CALM_US));
    assert_true(episode_begins(&episode));
}

static void test_calm_without_trouble(void **state)
{
    struct episode episode = {0};

    (void)state;
    episode_calms(&episode, 5000000);
    assert_true(episode_due(&episode) == DEADLINE_NEVER);
    assert_false(episode_ends(&episode, 9000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_and_goes),
        cmocka_unit_test(test_calm_without_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
