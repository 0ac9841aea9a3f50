/*
 * Why: a wrong count locks an address out forever or admits it without limit. The table is compared
 * with plain arrays over many random steps, with removal in every order.
 */
#include "server/connection/peer_counts.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct peer_key key_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4711)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(42)};
    struct peer_key key;

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&storage, &in, sizeof in);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&storage, &in6, sizeof in6);
    }
    assert_true(peer_key_of(&storage, &key));
    return key;
}

static void test_keys(void **state)
{
    struct peer_key ipv4 = key_of("192.0.2.1"), mapped = key_of("::ffff:192.0.2.1");
    struct peer_key other = key_of("192.0.2.2"), ipv6 = key_of("2001:db8::1");
    struct sockaddr_storage local = {.ss_family = AF_UNIX};
    struct peer_key none;

    (void)state;
    assert_true(peer_key_equal(&ipv4, &mapped));
    assert_false(peer_key_equal(&ipv4, &other));
    assert_false(peer_key_equal(&ipv4, &ipv6));
    assert_false(peer_key_of(&local, &none));
}

static void test_counts(void **state)
{
    struct peer_counts counts = {0};
    struct peer_key one = key_of("192.0.2.1"), other = key_of("2001:db8::1");

    (void)state;
    assert_int_equal(peer_counts_of(&counts, &one), 0);
    peer_counts_remove(&counts, &one);
    assert_int_equal(peer_counts_add(&counts, &one), 1);
    assert_int_equal(peer_counts_add(&counts, &one), 2);
    assert_int_equal(peer_counts_add(&counts, &other), 1);
    peer_counts_remove(&counts, &one);
    assert_int_equal(peer_counts_of(&counts, &one), 1);
    peer_counts_remove(&counts, &one);
    peer_counts_remove(&counts, &one); /* was not added: nothing happens */
    assert_int_equal(peer_counts_of(&counts, &one), 0);
    assert_int_equal(peer_counts_of(&counts, &other), 1);
    assert_int_equal(counts.used, 1);
    peer_counts_free(&counts);
    assert_int_equal(peer_counts_of(&counts, &other), 0);
}

enum { KEYS = 3000, STEPS = 200000 };

static struct peer_key numbered_key(uint32_t number)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + number)};
    struct peer_key key;

    memcpy(&storage, &in, sizeof in);
    assert_true(peer_key_of(&storage, &key));
    return key;
}

/* A plain generator with a fixed start: the same steps in every run. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static void test_against_arrays(void **state)
{
    static size_t expected[KEYS];
    struct peer_counts counts = {0};
    uint32_t random = 1;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        uint32_t number = next_random(&random) % KEYS;
        struct peer_key key = numbered_key(number);
        /* Mostly additions in the first half, mostly removals in the second. */
        bool add = next_random(&random) % 8 < (step < STEPS / 2 ? 5U : 3U);
        if (add) {
            assert_int_equal(peer_counts_add(&counts, &key), ++expected[number]);
        } else if (expected[number] > 0) {
            peer_counts_remove(&counts, &key);
            expected[number]--;
        }
        assert_int_equal(peer_counts_of(&counts, &key), expected[number]);
    }
    size_t used = 0;
    for (uint32_t number = 0; number < KEYS; number++) {
        struct peer_key key = numbered_key(number);
        assert_int_equal(peer_counts_of(&counts, &key), expected[number]);
        used += expected[number] > 0;
    }
    assert_int_equal(counts.used, used);
    for (uint32_t number = 0; number < KEYS; number++) {
        struct peer_key key = numbered_key(number);
        for (; expected[number] > 0; expected[number]--)
            peer_counts_remove(&counts, &key);
    }
    assert_int_equal(counts.used, 0);
    peer_counts_free(&counts);
}

/* Small tables: in many of them a run of slots continues from the end at the beginning. */
static void test_small_tables(void **state)
{
    enum { FEW_KEYS = 31, FEW_STEPS = 400, TABLES = 500 };
    uint32_t random = 1;

    (void)state;
    for (int table = 0; table < TABLES; table++) {
        struct peer_counts counts = {0};
        size_t expected[FEW_KEYS] = {0};
        for (int step = 0; step < FEW_STEPS; step++) {
            uint32_t number = next_random(&random) % FEW_KEYS;
            struct peer_key key = numbered_key(number);
            if (next_random(&random) % 2 == 0) {
                assert_int_equal(peer_counts_add(&counts, &key), ++expected[number]);
            } else if (expected[number] > 0) {
                peer_counts_remove(&counts, &key);
                expected[number]--;
            }
            for (uint32_t other = 0; other < FEW_KEYS; other++) {
                key = numbered_key(other);
                assert_int_equal(peer_counts_of(&counts, &key), expected[other]);
            }
        }
        peer_counts_free(&counts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_against_arrays),
        cmocka_unit_test(test_small_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
