/*
 * Why: this line is read when something is wrong, under stress, by people who did not set the
 * server up. The tests check its exact text, also for what a path or a peer can put into it.
 */
#include "server/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_line(const struct status *status, const char *expected)
{
    struct buffer out = {0};

    assert_true(status_format(status, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal(out.bytes, expected);
    buffer_free(&out);
}

static const struct status sample = {
    .started_wall_us = 1790000000999999,
    .clients = 3,
    .messages = 123,
    .us = 10000000,
    .journal = "/var/lib/tcpack/journal",
    .seq = 18446744073709551615U,
    .bytes = 1048576,
    .trouble = "",
};

static void test_line(void **state)
{
    (void)state;
    assert_line(&sample,
                "since 2026-09-21T14:13:20Z; 3 clients; 12.3 messages a second in the last "
                "10 s; journal /var/lib/tcpack/journal, last record 18446744073709551615, "
                "1048576 bytes; no warning or error");
}

static void test_trouble(void **state)
{
    struct status status = sample;

    (void)state;
    status.failing = true;
    status.trouble = "error: disk\n\xff";
    status.trouble_wall_us = 1790000060000000;
    status.journal = "standard output";
    status.bytes = -1;
    status.us = 0;
    assert_line(&status,
                "NOT RECORDING; since 2026-09-21T14:13:20Z; 3 clients; 0.0 messages a second "
                "in the last 0 s; journal standard output, last record "
                "18446744073709551615; last trouble 2026-09-21T14:14:20Z: error: "
                "disk\\n\\xFF");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
