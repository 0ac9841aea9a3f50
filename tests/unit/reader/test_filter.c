/* Why: a filter that is wrong at its edge hides a record that somebody looks for. */
#include "reader/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct record_line record_at(uint64_t seq, const char *time, const char *peer)
{
    return (struct record_line){.seq = seq,
                                .time = time,
                                .peer = peer,
                                .peer_size = strlen(peer),
                                .listener = "gate",
                                .listener_size = 4};
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        const char *since;
        const char *until;
    } times[] = {
        {"2026-11-23", "2026-11-23T00:00:00.000000Z", "2026-11-23T23:59:59.999999Z"},
        {"2026-11-23Z", "2026-11-23T00:00:00.000000Z", "2026-11-23T23:59:59.999999Z"},
        {"2026-11-23 04", "2026-11-23T04:00:00.000000Z", "2026-11-23T04:59:59.999999Z"},
        {"2026-11-23T04:12Z", "2026-11-23T04:12:00.000000Z", "2026-11-23T04:12:59.999999Z"},
        {"2026-11-23T04:12:07.5", "2026-11-23T04:12:07.500000Z", "2026-11-23T04:12:07.599999Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z"},
        {"2000-02-29", "2000-02-29T00:00:00.000000Z", "2000-02-29T23:59:59.999999Z"},
        {"2016-12-31T23:59:60", "2016-12-31T23:59:60.000000Z", "2016-12-31T23:59:60.999999Z"},
        {"2026-11-23T04:12:07.123456Z", "2026-11-23T04:12:07.123456Z",
         "2026-11-23T04:12:07.123456Z"},
    };
    struct filter filter = {.to = UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(filter_since(&filter, times[i].text) && filter_until(&filter, times[i].text));
        assert_string_equal(filter.since, times[i].since);
        assert_string_equal(filter.until, times[i].until);
        struct record_line first = record_at(1, times[i].since, "unix");
        struct record_line last = record_at(1, times[i].until, "unix");
        assert_true(filter_has(&filter, &first) && filter_has(&filter, &last));
    }
}

static void test_no_times(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11",
        "2026-11-2x",
        "2026/11/23",
        "2026-11-23T04:12:07.123456Z0",
        "yesterday",
        "2026-13-45",
        "2026-00-01",
        "2026-01-00",
        "2026-02-30",
        "2023-02-29",
        "2100-02-29",
        "2026-11-31",
        "2026-11-23T24",
        "2026-11-23T23:60",
        "2026-11-23T23:58:60",
        "2026-11-23T",
        "2026-11-23T0",
        "2026-11-23T04:",
        "2026-11-23T04:1",
        "2026-11-23T04:12:07.",
        "2026-11-23T04:12:07.1234567",
        "2026-11-23  04",
        "2026-11-23ZZ",
    };
    struct filter filter = {.to = UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(filter_since(&filter, bad[i]) || filter_until(&filter, bad[i]));
}

static void test_edges(void **state)
{
    struct filter filter = {.from = 5, .to = 7};
    static const char time[] = "2026-11-23T04:12:07.000000Z";

    (void)state;
    filter_listener(&filter, "gate");
    for (uint64_t seq = 4; seq <= 8; seq++) {
        struct record_line record = record_at(seq, time, "unix");
        assert_int_equal(filter_has(&filter, &record), seq >= 5 && seq <= 7);
    }
    struct record_line record = record_at(5, time, "unix");
    record.listener = "gates";
    record.listener_size = 5;
    assert_false(filter_has(&filter, &record));
}

/* Also where two of them share a place in the cache. */
static void test_many_peers(void **state)
{
    struct filter filter = {.to = UINT64_MAX};
    struct problem problem;
    char peer[64];

    (void)state;
    assert_true(filter_peers(&filter, "10.0.0.0/17, 10.1.0.0/16", &problem));
    assert_true(filter_peers(&filter, "2001:db8::/32", &problem));
    for (unsigned i = 0; i < 200000; i++) {
        (void)snprintf(peer, sizeof peer, "10.%u.%u.%u:%u", i >> 16 & 3, i >> 8 & 255, i & 255,
                       i % 65536);
        struct record_line record = record_at(1, "2026-11-23T04:12:07.000000Z", peer);
        bool wanted = (i >> 16 == 0 && (i >> 8 & 255) < 128) || i >> 16 == 1;
        assert_int_equal(filter_has(&filter, &record), wanted);
    }
    struct record_line record = record_at(1, "2026-11-23T04:12:07.000000Z", "[2001:db8::1%e]:7");
    assert_true(filter_has(&filter, &record));
    record = record_at(1, "2026-11-23T04:12:07.000000Z", "unix");
    assert_false(filter_has(&filter, &record));
    assert_true(filter_peers(&filter, "unix", &problem));
    filter_free(&filter);
}

/* What is known of an address must not be learned from a port. */
static void test_damaged_port(void **state)
{
    struct filter filter = {.to = UINT64_MAX};
    struct problem problem;
    static const char *const peers[] = {"10.0.0.1:99999", "10.0.0.1:80", "10.0.0.1:", "10.0.0.1"};

    (void)state;
    assert_true(filter_peers(&filter, "10.0.0.1", &problem));
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        struct record_line record = record_at(1, "2026-11-23T04:12:07.000000Z", peers[i]);
        assert_true(filter_has(&filter, &record));
    }
    filter_free(&filter);
}

static void test_contradictions(void **state)
{
    struct filter filter = {.from = 5, .to = 5};

    (void)state;
    assert_null(filter_contradiction(&filter));
    filter.to = 4;
    assert_non_null(filter_contradiction(&filter));
    filter.to = UINT64_MAX;
    assert_true(filter_until(&filter, "2026-11-23"));
    assert_null(filter_contradiction(&filter));
    assert_true(filter_since(&filter, "2026-11-23T05"));
    assert_null(filter_contradiction(&filter));
    assert_true(filter_since(&filter, "2026-11-24"));
    assert_non_null(filter_contradiction(&filter));
}

static void test_mistakes(void **state)
{
    struct filter filter = {.to = UINT64_MAX};
    struct problem problem;

    (void)state;
    assert_false(filter_peers(&filter, "10.0.0.1/8", &problem));
    assert_false(filter_peers(&filter, "", &problem));
    assert_string_equal(problem.text, "an address, a network or unix is needed, not ''");
    assert_false(filter_peers(&filter, "10.0.0.1/8", &problem));
    assert_string_equal(problem.text,
                        "\"10.0.0.1/8\" has bits set after its prefix: the network is "
                        "10.0.0.0/8");
    filter_free(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),        cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_edges),        cmocka_unit_test(test_many_peers),
        cmocka_unit_test(test_damaged_port), cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
