/*
 * A record names its sender by this text, and the journal is parsed by its form; and the server
 * must listen on the address that the configuration names. Each kind of address as text, in a
 * buffer that is too small, and from text. No DNS server is asked: only literals and invalid names
 * are used.
 */
#include "common/address.h"

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

static struct address ipv4(const char *host, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    struct address address = {.size = sizeof in};

    assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
    memcpy(&address.storage, &in, sizeof in);
    return address;
}

static struct address ipv6(const char *host, unsigned port, unsigned zone)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port), .sin6_scope_id = zone};
    struct address address = {.size = sizeof in6};

    assert_int_equal(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
    memcpy(&address.storage, &in6, sizeof in6);
    return address;
}

static struct address local(const char *path, size_t size)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct address address = {.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)};

    memcpy(un.sun_path, path, size);
    memcpy(&address.storage, &un, sizeof un);
    return address;
}

static void check_text(struct address address, const char *text, const char *peer)
{
    char found[ADDRESS_TEXT_SIZE];

    assert_int_equal(address_text(&address, found, sizeof found), strlen(text));
    assert_string_equal(found, text);
    assert_int_equal(address_peer_text(&address, found, ADDRESS_PEER_SIZE), strlen(peer));
    assert_string_equal(found, peer);
}

static void test_text(void **state)
{
    char longest[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

    (void)state;
    check_text(ipv4("127.0.0.1", 53312), "127.0.0.1:53312", "127.0.0.1:53312");
    check_text(ipv4("255.255.255.255", 65535), "255.255.255.255:65535", "255.255.255.255:65535");
    check_text(ipv4("0.0.0.0", 0), "0.0.0.0:0", "0.0.0.0:0");
    check_text(ipv6("::1", 53312, 0), "[::1]:53312", "[::1]:53312");
    check_text(ipv6("2001:db8::", 1, 0), "[2001:db8::]:1", "[2001:db8::]:1");
    check_text(ipv6("::ffff:192.0.2.1", 80, 0), "192.0.2.1:80", "192.0.2.1:80");
    check_text(ipv6("::192.0.2.1", 80, 0), "[::192.0.2.1]:80", "[::192.0.2.1]:80");
    check_text(local("/run/socket", 11), "/run/socket", "unix"); /* without a NUL */
    check_text(local("/run/socket", 12), "/run/socket", "unix");
    check_text(local("", 0), "", "unix"); /* a client that bound no path */
    check_text(local("\0hidden", 7), "an abstract Unix socket", "unix");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    check_text(local(longest, sizeof longest - 1), longest, "unix");
}

static void test_text_of_the_longest(void **state)
{
    const char *host = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    char expected[ADDRESS_PEER_SIZE];

    (void)state;
    (void)snprintf(expected, sizeof expected, "[%s]:65535",
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    check_text(ipv6(host, 65535, 0), expected, expected);
    assert_true(INET6_ADDRSTRLEN + sizeof "[%4294967295]:65535" - 1 <= ADDRESS_PEER_SIZE);
}

static void test_zone(void **state)
{
    (void)state;
    check_text(ipv6("fe80::1", 80, 1), "[fe80::1%1]:80", "[fe80::1%1]:80");
    check_text(ipv6("fe80::1", 80, UINT32_MAX), "[fe80::1%4294967295]:80",
               "[fe80::1%4294967295]:80");
}

static void test_text_is_cut(void **state)
{
    struct address address = ipv4("127.0.0.1", 53312);
    char text[16];

    (void)state;
    assert_int_equal(address_text(&address, text, 16), 15);
    assert_string_equal(text, "127.0.0.1:53312");
    assert_int_equal(address_text(&address, text, 15), 14);
    assert_string_equal(text, "127.0.0.1:5331");
    assert_int_equal(address_peer_text(&address, text, 1), 0);
    assert_string_equal(text, "");
}

/* All addresses of a host, as `ADDRESS ADDRESS`. */
static void check_resolve(const char *host, unsigned port, enum address_use use,
                          const char *expected)
{
    struct address_list list;
    struct problem problem = {""};
    char found[512] = "";

    if (!address_resolve(host, port, use, &list, &problem))
        fail_msg("%s: %s", host, problem.text);
    for (size_t at = 0; at < list.count; at++) {
        char text[ADDRESS_TEXT_SIZE];
        (void)address_text(&list.addresses[at], text, sizeof text);
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s",
                       at == 0 ? "" : " ", text);
    }
    assert_string_equal(found, expected);
    address_list_free(&list);
    assert_null(list.addresses);
    assert_int_equal(list.count, 0);
}

static void test_resolve(void **state)
{
    (void)state;
    for (int use = ADDRESS_TO_LISTEN; use <= ADDRESS_TO_CONNECT; use++) {
        check_resolve("127.0.0.1", 8001, (enum address_use)use, "127.0.0.1:8001");
        check_resolve("::1", 0, (enum address_use)use, "[::1]:0");
        check_resolve("[::1]", 65535, (enum address_use)use, "[::1]:65535");
        check_resolve("/run/socket", 8001, (enum address_use)use, "/run/socket");
    }
    check_resolve("*", 8001, ADDRESS_TO_LISTEN, "[::]:8001 0.0.0.0:8001");
}

/* Changes the port of each host's one address; a Unix socket has none and stays as it is. */
static void check_port(const char *host, int expected, const char *text)
{
    struct address_list list;
    struct problem problem;
    char found[ADDRESS_TEXT_SIZE];

    assert_true(address_resolve(host, 8001, ADDRESS_TO_LISTEN, &list, &problem));
    assert_int_equal(address_port(&list.addresses[0]), expected);
    address_set_port(&list.addresses[0], 65535);
    (void)address_text(&list.addresses[0], found, sizeof found);
    assert_string_equal(found, text);
    address_list_free(&list);
}

static void test_port(void **state)
{
    (void)state;
    check_port("127.0.0.1", 8001, "127.0.0.1:65535");
    check_port("::1", 8001, "[::1]:65535");
    check_port("/run/socket", -1, "/run/socket");
}

static void check_unresolved(const char *host, enum address_use use)
{
    struct address_list list;
    struct problem problem = {""};

    assert_false(address_resolve(host, 8001, use, &list, &problem));
    assert_string_not_equal(problem.text, "");
    assert_null(list.addresses);
    assert_int_equal(list.count, 0);
}

static void test_unresolved(void **state)
{
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

    (void)state;
    check_unresolved("[]", ADDRESS_TO_CONNECT);
    check_unresolved("no such name", ADDRESS_TO_CONNECT);
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    check_unresolved(path, ADDRESS_TO_LISTEN);            /* one byte too long */
    check_unresolved("localhost", ADDRESS_TO_LISTEN_NOW); /* a name */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_text_of_the_longest),
        cmocka_unit_test(test_zone),    cmocka_unit_test(test_text_is_cut),
        cmocka_unit_test(test_resolve), cmocka_unit_test(test_unresolved),
        cmocka_unit_test(test_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
