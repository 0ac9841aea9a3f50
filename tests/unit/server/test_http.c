/*
 * Why: a web page can make a browser send requests to this port. None of their lines may count as a
 * message. Text that only resembles a request is a message like any other.
 */
#include "server/connection/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_request(const char *text, bool whole)
{
    return http_is_request((const unsigned char *)text, strlen(text), whole);
}

static void test_requests(void **state)
{
    static const char *const lines[] = {
        "GET / HTTP/1.1",
        "POST /a?b=c%20d HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "get / HTTP/1.1",
        "CONNECT example.net:1 HTTP/1.1",
        "M-SEARCH * HTTP/1.1",
        "GET http://h/\xc3\xa9 HTTP/1.9",
        "GET / HTTP/1.1\r",
        "GET / HTTP/1.1\nHost",
        "GET / HTTP/1.1\r\nHost: x\r\n",
    };

    (void)state;
    for (size_t at = 0; at < sizeof lines / sizeof lines[0]; at++)
        if (!is_request(lines[at], true))
            fail_msg("no request: %s", lines[at]);
    assert_true(is_request("GET / HTTP/1.1\r\n", false));
    assert_false(is_request("GET / HTTP/1.1\r", false));
}

static void test_messages(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "\r\n",
        "hello",
        " / HTTP/1.1",
        "GET",
        "GET ",
        "GET /",
        "GET / ",
        "GET / HTTP/",
        "GET / HTTP/1.",
        "GET / HTTP/1.x",
        "GET / HTTP/1.11",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET a b HTTP/1.1",
        "GET HTTP/1.1",
        "GET  HTTP/1.1",
        "HTTP/1.1 200 OK",
        "G(T / HTTP/1.1",
        "x\nGET / HTTP/1.1\n",
        "\nGET / HTTP/1.1\n",
    };

    (void)state;
    for (size_t at = 0; at < sizeof lines / sizeof lines[0]; at++)
        if (is_request(lines[at], true))
            fail_msg("a request: %s", lines[at]);
}

static void test_cut_requests(void **state)
{
    unsigned char bytes[HTTP_CUT_MIN];

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    assert_false(http_is_cut_request(bytes, sizeof bytes));
    memcpy(bytes, "POST /", 6);
    assert_true(http_is_cut_request(bytes, sizeof bytes));
    assert_false(http_is_cut_request(bytes, sizeof bytes - 1));
    bytes[300] = '\n';
    assert_false(http_is_cut_request(bytes, sizeof bytes));
    memset(bytes, 'A', sizeof bytes);
    assert_false(http_is_cut_request(bytes, sizeof bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_cut_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
