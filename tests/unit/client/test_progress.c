/*
 * Why: the line must fit on a terminal of any width, or each repaint scrolls. The tests check the
 * length at every width, and the exact text at some.
 */
#include "client/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct progress_view *view, size_t columns, const char *wanted)
{
    struct buffer out = {0};

    assert_true(progress_text(view, columns, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes, wanted);
    buffer_free(&out);
}

static struct progress_view usual(void)
{
    return (struct progress_view){
        .messages = 1000,
        .acknowledged = 990,
        .rate = 4711.4,
        .elapsed_us = 10000000,
    };
}

static void test_without_a_total(void **state)
{
    struct progress_view view = usual();

    (void)state;
    expect(&view, 79, "1000 messages, 990 acknowledged, 4711/s");
    expect(&view, 39, "1000 messages, 990 acknowledged, 4711/s");
    expect(&view, 38, "990 acknowledged");
    expect(&view, 16, "990 acknowledged");
    expect(&view, 15, "990");
    expect(&view, 2, ""); /* no number is cut */
    expect(&view, 0, "");
}

static void test_with_a_total(void **state)
{
    struct progress_view view = usual();

    (void)state;
    view.total = 4000;
    view.done = 1000;
    expect(&view, 79,
           "1000 messages, 990 acknowledged, 4711/s [#####---------------]  25 %, 0:30 left");
    expect(&view, 60, "1000 messages, 990 acknowledged, 4711/s  25 %, 0:30 left");
    expect(&view, 55, "990 acknowledged  25 %");
    expect(&view, 21, "25 %");
    expect(&view, 3, "");
    expect(&view, 200,
           "1000 messages, 990 acknowledged, 4711/s [##########------------------------------]"
           "  25 %, 0:30 left");
    view.done = 0;
    expect(&view, 60, "1000 messages, 990 acknowledged, 4711/s [------------]   0 %");
    view.done = 4000;
    expect(&view, 60, "1000 messages, 990 acknowledged, 4711/s [############] 100 %");
    view.done = 5000; /* the file grew */
    expect(&view, 60, "1000 messages, 990 acknowledged, 4711/s [############] 100 %");
}

static void test_time_left(void **state)
{
    struct progress_view view = usual();

    (void)state;
    view.total = 1000;
    view.done = 1;
    expect(&view, 65, "1000 messages, 990 acknowledged, 4711/s   0 %, 2:46:30 left");
    view.elapsed_us *= 1000;
    expect(&view, 70, "1000 messages, 990 acknowledged, 4711/s   0 %, more than 99 h left");
}

static void test_never_wider_than_the_terminal(void **state)
{
    struct progress_view view = usual();

    (void)state;
    for (size_t columns = 0; columns <= 200; columns++) {
        for (uint64_t total = 0; total <= UINT64_C(1) << 60; total = total * 10 + 1) {
            struct buffer out = {0};
            view.total = total;
            view.done = total / 3;
            view.messages = view.acknowledged = total;
            assert_true(progress_text(&view, columns, &out));
            assert_true(out.size <= columns);
            buffer_free(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_total),
        cmocka_unit_test(test_with_a_total),
        cmocka_unit_test(test_time_left),
        cmocka_unit_test(test_never_wider_than_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
