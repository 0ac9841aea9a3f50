/* Why: --peer must neither miss a peer nor take text for one. */
#include "reader/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int family_of(const char *peer)
{
    struct sockaddr_storage address;

    return peer_parse(peer, strlen(peer), &address) ? address.ss_family : -1;
}

static void test_peers(void **state)
{
    (void)state;
    assert_int_equal(family_of("unix"), AF_UNIX);
    assert_int_equal(family_of("192.0.2.1:4711"), AF_INET);
    assert_int_equal(family_of("[::1]:0"), AF_INET6);
    assert_int_equal(family_of("[fe80::1%eth0]:65535"), AF_INET6);
}

static void test_no_peers(void **state)
{
    static const char *const bad[] = {
        "",      "Unix",   "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.300:1", "[::1",
        "[::1]", "[::1]:", "[::1]4711", "::1:4711",   "[192.0.2.1]:1",   "a:1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(family_of(bad[i]), -1);
}

static void test_long_ones(void **state)
{
    char peer[300];

    (void)state;
    memset(peer, '1', sizeof peer);
    for (size_t size = 0; size < sizeof peer; size++) {
        struct sockaddr_storage address;
        assert_false(peer_parse(peer, size, &address));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_no_peers),
        cmocka_unit_test(test_long_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
