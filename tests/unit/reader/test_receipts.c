/* Why: receipts say which records must be there; one misread hides a loss. */
#include "reader/receipts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum receipts_result add(struct receipts *receipts, const char *line)
{
    return receipts_add(receipts, line, strlen(line), receipts->count + 1);
}

static void test_lines(void **state)
{
    struct receipts receipts = {0};

    (void)state;
    assert_int_equal(add(&receipts, "{\"line\":1,\"seq\":7,\"latency_us\":1,\"reply\":\"\"}"),
                     RECEIPTS_ADDED);
    assert_int_equal(add(&receipts, "{\"line\":1,\"latency_us\":1,\"reply\":\"\"}"),
                     RECEIPTS_WITHOUT_SEQ);
    assert_int_equal(add(&receipts, ""), RECEIPTS_MALFORMED);
    assert_int_equal(add(&receipts, "{\"line\":,\"seq\":7,"), RECEIPTS_MALFORMED);
    assert_int_equal(add(&receipts, "{\"line\":1,\"seq\":7"), RECEIPTS_MALFORMED);
    assert_int_equal(add(&receipts, "{\"line\":1,\"seq\":18446744073709551616,"),
                     RECEIPTS_MALFORMED);
    assert_int_equal(receipts.count, 1);
    receipts_free(&receipts);
}

static void test_finding(void **state)
{
    struct receipts receipts = {0};
    char line[64];

    (void)state;
    for (unsigned i = 0; i < 3000; i++) { /* each number twice, from the last to the first */
        (void)snprintf(line, sizeof line, "{\"line\":1,\"seq\":%u,", 3000 - i / 2);
        assert_int_equal(add(&receipts, line), RECEIPTS_ADDED);
    }
    receipts_sort(&receipts);
    for (uint64_t seq = 1; seq <= 3001; seq += 2)
        receipts_find(&receipts, seq);
    for (size_t i = 0; i < receipts.count; i++)
        assert_int_equal(receipts.all[i].found, receipts.all[i].seq % 2 == 1);
    receipts_free(&receipts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
