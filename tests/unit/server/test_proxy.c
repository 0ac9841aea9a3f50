/*
 * Why: a misread PROXY header would let an attacker choose the address in records, access lists and
 * limits. What the specification allows is parsed exactly, everything else is refused with a
 * reason, and a header that arrives in pieces is waited for.
 */
#include "server/connection/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct sample {
    const char *bytes;
    size_t size;
};

#define SAMPLE(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static enum proxy_result parse(struct sample sample, struct proxy_header *header)
{
    unsigned char *copy = malloc(sample.size + 1); /* so that valgrind and ASan see its end */
    assert_non_null(copy);
    memcpy(copy, sample.bytes, sample.size);
    enum proxy_result result = proxy_parse(copy, sample.size, header);
    free(copy);
    return result;
}

static void assert_peer(const struct address *peer, int family, const char *host, unsigned port)
{
    char text[INET6_ADDRSTRLEN];
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)&peer->storage;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)&peer->storage;

    assert_int_equal(peer->storage.ss_family, family);
    if (family == AF_INET) {
        assert_int_equal(peer->size, sizeof *ipv4);
        assert_non_null(inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof text));
        assert_int_equal(ntohs(ipv4->sin_port), port);
    } else {
        assert_int_equal(peer->size, sizeof *ipv6);
        assert_non_null(inet_ntop(AF_INET6, &ipv6->sin6_addr, text, sizeof text));
        assert_int_equal(ntohs(ipv6->sin6_port), port);
    }
    assert_string_equal(text, host);
}

static void test_v1_clients(void **state)
{
    static const struct sample tcp4 =
        SAMPLE("PROXY TCP4 192.0.2.7 198.51.100.1 56324 8001\r\nhello\n");
    static const struct sample tcp6 =
        SAMPLE("PROXY TCP6 2001:db8::7 ::1 0 65535\r\nPROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n");
    struct proxy_header header;

    (void)state;
    assert_int_equal(parse(tcp4, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET, "192.0.2.7", 56324);
    assert_int_equal(header.consumed, tcp4.size - 6);
    assert_int_equal(parse(tcp6, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET6, "2001:db8::7", 0);
    assert_int_equal(header.consumed, 36);
}

static void test_v1_longest(void **state)
{
    static const struct sample sample =
        SAMPLE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
    struct proxy_header header;

    (void)state;
    assert_int_equal(sample.size, 107);
    assert_int_equal(parse(sample, &header), PROXY_REAL);
    assert_int_equal(header.consumed, 107);
}

static void test_v1_unknown(void **state)
{
    static const struct sample sample = SAMPLE("PROXY UNKNOWN\r\n");
    struct proxy_header header;

    (void)state;
    assert_int_equal(parse(sample, &header), PROXY_REAL);
    assert_int_equal(header.consumed, sample.size);
}

static void test_v2_clients(void **state)
{
    static const struct sample tcp4 = SAMPLE(
        V2_SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x1f\x41hello\n");
    static const struct sample tcp6 =
        SAMPLE(V2_SIGNATURE "\x21\x21\x00\x24 \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\x1f\x41");
    static const struct sample with_tlv =
        SAMPLE(V2_SIGNATURE "\x21\x11\x00\x11\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x1f\x41"
                            "\x04\x00\x02xx");
    struct proxy_header header;

    (void)state;
    assert_int_equal(parse(tcp4, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET, "192.0.2.7", 56324);
    assert_int_equal(header.consumed, 28);
    assert_int_equal(parse(tcp6, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET6, "2001:db8::7", 56324);
    assert_int_equal(header.consumed, 52);
    assert_int_equal(parse(with_tlv, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET, "192.0.2.7", 56324);
    assert_int_equal(header.consumed, 33);
}

static void test_v2_unix(void **state)
{
    unsigned char bytes[16 + 216] = V2_SIGNATURE "\x21\x31\x00\xd8/run/client";
    struct proxy_header header;

    (void)state;
    assert_int_equal(proxy_parse(bytes, sizeof bytes, &header), PROXY_CLIENT);
    assert_int_equal(header.peer.storage.ss_family, AF_UNIX);
    assert_int_equal(header.consumed, sizeof bytes);
}

static void test_v2_local_and_unknown(void **state)
{
    static const struct sample local = SAMPLE(V2_SIGNATURE "\x20\x00\x00\x00");
    static const struct sample local_with_address =
        SAMPLE(V2_SIGNATURE "\x20\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x1f\x41");
    static const struct sample unknown = SAMPLE(V2_SIGNATURE "\x21\x00\x00\x03xyz");
    struct proxy_header header;

    (void)state;
    assert_int_equal(parse(local, &header), PROXY_REAL);
    assert_int_equal(header.consumed, 16);
    assert_int_equal(parse(local_with_address, &header), PROXY_REAL);
    assert_int_equal(header.consumed, 28);
    assert_int_equal(parse(unknown, &header), PROXY_REAL);
    assert_int_equal(header.consumed, 19);
}

/* Only the length field bounds a header: 65,535 bytes are valid (BIND accepts them, too). */
static void test_v2_longest(void **state)
{
    static unsigned char bytes[PROXY_HEADER_MAX + 1] =
        V2_SIGNATURE "\x21\x11\xff\xff\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x1f\x41";
    struct proxy_header header;

    (void)state;
    assert_int_equal(proxy_parse(bytes, PROXY_HEADER_MAX - 1, &header), PROXY_UNFINISHED);
    assert_int_equal(proxy_parse(bytes, sizeof bytes, &header), PROXY_CLIENT);
    assert_peer(&header.peer, AF_INET, "192.0.2.7", 56324);
    assert_int_equal(header.consumed, PROXY_HEADER_MAX);
}

/* Each part of a header is unfinished, and the whole header gives the same result. */
static void test_arrives_in_pieces(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("PROXY TCP4 192.0.2.7 198.51.100.1 56324 8001\r\n"),
        SAMPLE("PROXY TCP6 2001:db8::7 ::1 56324 8001\r\n"),
        SAMPLE("PROXY UNKNOWN\r\n"),
        SAMPLE(V2_SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x1f\x41"),
        SAMPLE(V2_SIGNATURE "\x20\x00\x00\x00"),
    };
    struct proxy_header header;

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t size = 0; size < samples[i].size; size++) {
            struct sample part = {samples[i].bytes, size};
            assert_int_equal(parse(part, &header), PROXY_UNFINISHED);
        }
        assert_true(parse(samples[i], &header) <= PROXY_REAL);
        assert_int_equal(header.consumed, samples[i].size);
    }
}

static const char too_long[] = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655356\r\n";
static const struct {
    struct sample sample;
    const char *problem;
} malformed[] = {
    {SAMPLE("hello\n"), "there is none"},
    {SAMPLE("\n"), "there is none"},
    {SAMPLE("PROXY\r\n"), "there is none"},
    {SAMPLE("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n"), "there is none"},
    {SAMPLE("\r\n\r\n\0\r\nQUIP\n"), "there is none"},
    {SAMPLE("\r\n\r\n\1"), "there is none"},
    {SAMPLE("PROXY \r\n"), "its protocol is not TCP4, TCP6 or UNKNOWN"},
    {SAMPLE("PROXY \n"), "its line does not end with CR LF"},
    {SAMPLE("PROXY UNKNOWNS\r\n"), "its protocol is not TCP4, TCP6 or UNKNOWN"},
    {SAMPLE("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n"), "its protocol is not TCP4, TCP6 or UNKNOWN"},
    {SAMPLE("PROXY TCP4\r\n"), "its protocol is not TCP4, TCP6 or UNKNOWN"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n"), "its line does not end with CR LF"},
    {SAMPLE("PROXY TCP4 1.2.3.4\r\n"), "an address or port is missing"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), "an address or port is missing"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n"), "it has more than two addresses and two ports"},
    {SAMPLE("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n"), "it has more than two addresses and two ports"},
    {SAMPLE("PROXY TCP4 1.2.3.400 1.2.3.4 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 ::1 ::1 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP6 1.2.3.4 ::1 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 name 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP6 ::1 ::1 1 0080\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 0x1.2.3.4 1.2.3.4 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP6 fe80::1%lo ::1 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP6 1::2::3 ::1 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP6 ::12345 ::1 1 1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4\t1.2.3.4 1.2.3.4 1 1\r\n"), "its protocol is not TCP4, TCP6 or UNKNOWN"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1 -1\r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"), "an address or port is invalid"},
    {SAMPLE("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n"), "it contains a NUL"},
    {SAMPLE(too_long), "its line does not end within 107 bytes"},
    {SAMPLE(V2_SIGNATURE "\x11\x11\x00\x00"), "its version is not 1 or 2"},
    {SAMPLE(V2_SIGNATURE "\x22\x11\x00\x00"), "its command is not LOCAL or PROXY"},
    {SAMPLE(V2_SIGNATURE "\x21\x13\x00\x00"), "its address family or protocol is unknown"},
    {SAMPLE(V2_SIGNATURE "\x21\x41\x00\x00"), "its address family or protocol is unknown"},
    {SAMPLE(V2_SIGNATURE "\x21\x11\x00\x0b\1\2\3\4\5\6\7\1\2\3\4"),
     "it is too short for its addresses"},
    {SAMPLE(V2_SIGNATURE "\x21\x21\x00\x0c\1\2\3\4\5\6\7\1\2\3\4\5"),
     "it is too short for its addresses"},
    {SAMPLE(V2_SIGNATURE "\x21\x31\x00\x00"), "it is too short for its addresses"},
};

static void test_malformed(void **state)
{
    struct proxy_header header;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(parse(malformed[i].sample, &header), PROXY_MALFORMED);
        assert_string_equal(header.problem.text, malformed[i].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1_clients),
        cmocka_unit_test(test_v1_longest),
        cmocka_unit_test(test_v1_unknown),
        cmocka_unit_test(test_v2_clients),
        cmocka_unit_test(test_v2_unix),
        cmocka_unit_test(test_v2_longest),
        cmocka_unit_test(test_v2_local_and_unknown),
        cmocka_unit_test(test_arrives_in_pieces),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
