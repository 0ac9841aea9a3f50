/*
 * Why: anybody who reaches the metrics' port can send anything. Each kind of request gets the
 * status that HTTP has for it, and a connection stays open only if it is certain where the request
 * ends.
 */
#include "server/metrics_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

static const struct {
    const char *text;
    int status;
    bool head;
    bool close;
} requests[] = {
    {"GET /metrics HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET /metrics HTTP/1.1\n"
     "host:a\n\n",
     200, false, false},
    {"HEAD /metrics?a=:/b HTTP/1.1\r\n" HOST "\r\n", 200, true, false},
    {"GET http://h:9464/metrics HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n", 200, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", 200, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 200, false, true},
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 404, false, false},
    {"POST /metricsx HTTP/1.1\r\n" HOST "\r\n", 404, false, false},
    {"POST /metrics HTTP/1.1\r\n" HOST "\r\n", 405, false, false},
    {"get /metrics HTTP/1.1\r\n" HOST "\r\n", 405, false, false},
    {"GET /metrics HTTP/1.1\r\n\r\n", 400, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST HOST "\r\n", 400, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400, false, true},
    {"GET /metrics HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400, false, true},
    {"GET http://h?/metrics HTTP/1.1\r\n" HOST "\r\n", 404, false, false},
    {"GET /metrics\r\n" HOST "\r\n", 400, false, true},
    {"GET  /metrics HTTP/1.1\r\n" HOST "\r\n", 400, false, true},
    {"\r\n\r\n", 400, false, true},
    {"GET /metrics HTTP/2.0\r\n" HOST "\r\n", 400, false, true},
    {"GET /metrics HTTX/1.1\r\n" HOST "\r\n", 400, false, true},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct metrics_request request;
        const unsigned char *bytes = (const void *)requests[i].text;
        size_t size = strlen(requests[i].text);
        print_message("%s", requests[i].text);
        assert_false(metrics_http_parse(bytes, size - 1, &request));
        assert_true(metrics_http_parse(bytes, size, &request));
        assert_int_equal(request.status, requests[i].status);
        assert_int_equal(request.consumed, size);
        assert_int_equal(request.head, requests[i].head);
        assert_int_equal(request.close, requests[i].close);
    }
}

static void test_too_long(void **state)
{
    static unsigned char bytes[METRICS_HTTP_HEAD_MAX];
    struct metrics_request request;

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    assert_false(metrics_http_parse(bytes, sizeof bytes - 1, &request));
    assert_true(metrics_http_parse(bytes, sizeof bytes, &request));
    assert_true(request.status == 400 && request.close);
}

static void test_a_nul_hides_nothing(void **state)
{
    static const char text[] = "GET /metrics\0 HTTP/1.1\r\n" HOST "\r\n";
    struct metrics_request request;

    (void)state;
    assert_true(metrics_http_parse((const void *)text, sizeof text - 1, &request));
    assert_int_equal(request.consumed, sizeof text - 1);
    assert_true(request.status == 400 && request.close);
}

static void assert_response(struct metrics_request request, const char *expected)
{
    struct buffer body = {0}, out = {0};

    assert_true(buffer_append_text(&body, "a 1\n"));
    assert_true(metrics_http_respond(&request, 784111777, &body, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal(out.bytes, expected);
    buffer_free(&body);
    buffer_free(&out);
}

static void test_responses(void **state)
{
    (void)state;
    assert_response((struct metrics_request){.status = 200},
                    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                    "Content-Length: 4\r\n\r\na 1\n");
    assert_response((struct metrics_request){.status = 200, .head = true, .close = true},
                    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                    "Content-Length: 4\r\nConnection: close\r\n\r\n");
    assert_response((struct metrics_request){.status = 405},
                    "HTTP/1.1 405 Method Not Allowed\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n"
                    "Allow: GET, HEAD\r\n\r\nMethod Not Allowed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_a_nul_hides_nothing),
        cmocka_unit_test(test_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
