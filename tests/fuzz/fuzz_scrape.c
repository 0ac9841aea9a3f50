/*
 * Why: the metrics' port reads requests of anybody who reaches it. For any bytes: no access outside
 * of them, an unfinished head is unfinished in each of its parts, never longer than allowed, and
 * the response to a request does not depend on the bytes after it.
 */
#include "server/metrics_http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_response(const struct metrics_request *request)
{
    struct buffer body = {0}, out = {0};

    require(buffer_append_text(&body, "figures\n"));
    require(metrics_http_respond(request, 0, &body, &out));
    require(out.size > 12 && memcmp(out.bytes, "HTTP/1.1 ", 9) == 0);
    buffer_free(&body);
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct metrics_request request, again;

    if (!metrics_http_parse(bytes, size, &request)) {
        require(size < METRICS_HTTP_HEAD_MAX);
        return 0;
    }
    require(request.consumed > 0 && request.consumed <= size);
    require(request.consumed <= METRICS_HTTP_HEAD_MAX);
    if (request.consumed < METRICS_HTTP_HEAD_MAX) {
        uint8_t *copy = malloc(request.consumed); /* exactly as long, for the sanitizer */
        require(copy != NULL);
        memcpy(copy, bytes, request.consumed);
        require(metrics_http_parse(copy, request.consumed, &again));
        require(again.status == request.status && again.close == request.close);
        require(request.consumed == 1 || !metrics_http_parse(copy, request.consumed - 1, &again));
        free(copy);
    }
    check_response(&request);
    return 0;
}
