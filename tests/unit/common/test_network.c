/*
 * allow and deny decide which clients are served: a list must mean what the administrator meant,
 * for IPv4, IPv6 and the IPv4 clients of an IPv6 socket, at every prefix; and a list with a mistake
 * must not be read as a different list.
 */
#include "common/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {0};

    if (strchr(text, ':') == NULL) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(1234)};
        assert_int_equal(inet_pton(AF_INET, text, &ipv4.sin_addr), 1);
        memcpy(&storage, &ipv4, sizeof ipv4);
    } else {
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
        assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
        memcpy(&storage, &ipv6, sizeof ipv6);
    }
    return storage;
}

static bool has(const char *text, const char *address)
{
    struct network_list list;
    struct problem problem = {""};
    struct sockaddr_storage storage = address_of(address);

    assert_true(network_list_parse(text, &list, &problem));
    bool found = network_list_has(&list, (const struct sockaddr *)&storage);
    network_list_free(&list);
    return found;
}

static void test_members(void **unused)
{
    static const struct {
        const char *list;
        const char *in;
        const char *out;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"0.0.0.0/0", "255.255.255.255", "::1"},
        {"128.0.0.0/1", "128.0.0.0", "127.255.255.255"},
        {"::1", "::1", "::2"},
        {"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
        {"2001:db8::8000/113", "2001:db8::ffff", "2001:db8::7fff"},
        {"::/0", "2001:db8::1", "192.0.2.1"},
        {"fe80::/10", "febf::1", "fec0::1"},
        /* IPv4-mapped addresses: of a client, and in a list */
        {"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
        {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
        {"::/0", "::1", "::ffff:10.1.2.3"},
        {"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
        {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"::ffff:0:0/96", "192.0.2.1", "::1"},
        /* several */
        {"192.0.2.1 ::1,10.0.0.0/8", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.1 ::1,10.0.0.0/8", "::1", "::2"},
        {" 192.0.2.1, \t,10.0.0.0/8 , ", "10.2.3.4", "0.0.0.0"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(has(cases[i].list, cases[i].in));
        assert_false(has(cases[i].list, cases[i].out));
    }
}

/* For every prefix, addresses that differ in the last bit of the prefix and in the bit after it. */
static void test_every_prefix(void **unused)
{
    (void)unused;
    for (unsigned prefix = 1; prefix <= 128; prefix++) {
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
        struct network network = {.family = AF_INET6, .prefix = prefix};
        struct network_list list = {&network, 1};
        unsigned last = prefix - 1;
        ipv6.sin6_addr.s6_addr[last / 8] = (unsigned char)(0x80u >> last % 8);
        assert_false(network_list_has(&list, (const struct sockaddr *)&ipv6));
        memset(&ipv6.sin6_addr, 0, sizeof ipv6.sin6_addr);
        if (prefix < 128)
            ipv6.sin6_addr.s6_addr[prefix / 8] = (unsigned char)(0x80u >> prefix % 8);
        assert_true(network_list_has(&list, (const struct sockaddr *)&ipv6));
    }
}

static void test_empty_and_other_families(void **unused)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct network_list list;
    struct problem problem = {""};

    (void)unused;
    assert_false(has("", "127.0.0.1"));
    assert_false(has(" , ", "::1"));
    assert_true(network_list_parse("0.0.0.0/0 ::/0", &list, &problem));
    assert_int_equal(list.count, 2);
    assert_false(network_list_has(&list, (const struct sockaddr *)&local));
    network_list_free(&list);
    assert_int_equal(list.count, 0);
    network_list_free(&list);
}

static void test_refuses(void **unused)
{
#define NO_ADDRESS " is not an address or network (as in 192.0.2.1, 10.0.0.0/8, 2001:db8::/32)"
    static const char *const pairs[][2] = {
        {"localhost", "\"localhost\"" NO_ADDRESS},
        {"10.0.0.0/8 x", "\"x\"" NO_ADDRESS},
        {"10.0.0", "\"10.0.0\"" NO_ADDRESS},
        {"10.0.0.256", "\"10.0.0.256\"" NO_ADDRESS},
        {"010.0.0.1", "\"010.0.0.1\"" NO_ADDRESS},
        {"10/8", "\"10/8\"" NO_ADDRESS},
        {"/8", "\"/8\"" NO_ADDRESS},
        {"[::1]", "\"[::1]\"" NO_ADDRESS},
        {"fe80::1%lo", "\"fe80::1%lo\"" NO_ADDRESS},
        {"127.0.0.1:80", "\"127.0.0.1:80\"" NO_ADDRESS},
        {"10.0.0.0;::1", "\"10.0.0.0;::1\"" NO_ADDRESS},
        {"10.0.0.0/33", "\"10.0.0.0/33\" has no prefix from 0 to 32 after the \"/\""},
        {"10.0.0.0/", "\"10.0.0.0/\" has no prefix from 0 to 32 after the \"/\""},
        {"10.0.0.0/8/8", "\"10.0.0.0/8/8\" has no prefix from 0 to 32 after the \"/\""},
        {"10.0.0.0/-1", "\"10.0.0.0/-1\" has no prefix from 0 to 32 after the \"/\""},
        {"10.0.0.0/255.0.0.0", "\"10.0.0.0/255.0.0.0\" has no prefix from 0 to 32 after the \"/\""},
        {"::/129", "\"::/129\" has no prefix from 0 to 128 after the \"/\""},
        {"10.1.2.3/8", "\"10.1.2.3/8\" has bits set after its prefix: the network is 10.0.0.0/8"},
        {"0.0.0.1/0", "\"0.0.0.1/0\" has bits set after its prefix: the network is 0.0.0.0/0"},
        {"2001:db8::1/64",
         "\"2001:db8::1/64\" has bits set after its prefix: the network is 2001:db8::/64"},
        {"::ffff:10.1.2.3/104", "\"::ffff:10.1.2.3/104\" has bits set after its prefix: the "
                                "network is ::ffff:10.0.0.0/104"},
        {"1111111111222222222233333333334444444444555555555566666666667777777777",
         "\"1111111111222222222233333333334444444444555555555...\" is too long for an address"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct network_list list;
        struct problem problem = {""};
        assert_false(network_list_parse(pairs[i][0], &list, &problem));
        assert_string_equal(problem.text, pairs[i][1]);
        assert_null(list.networks);
        assert_int_equal(list.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_empty_and_other_families),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
