/*
 * metrics_http.h: HTTP/1.1 (RFC 9112) as far as a scraper of metrics needs it: a request's head is
 * read, and the head of a response written. Only GET and HEAD of /metrics are served. Pure.
 */
#ifndef TCPACK_SERVER_METRICS_HTTP_H
#define TCPACK_SERVER_METRICS_HTTP_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Bytes of the longest head of a request, with its empty line. */
enum { METRICS_HTTP_HEAD_MAX = 8192 };

struct metrics_request {
    int status;      /* of the response: 200, 400, 404 or 405 */
    size_t consumed; /* bytes of the head */
    bool head;       /* HEAD: the response has no body */
    bool close;      /* close the connection after the response */
};

/*
 * Reads the request that bytes[0..size) begin with. False: it is unfinished. The body of a request
 * is not read: `close` is then set.
 */
bool metrics_http_parse(const unsigned char *bytes, size_t size,
                        struct metrics_request *request) MUST_USE;

/*
 * Appends the response to it: for status 200 with the `body`, otherwise with the reason as text.
 * `now` is the wall clock. False with errno ENOMEM.
 */
bool metrics_http_respond(const struct metrics_request *request, time_t now,
                          const struct buffer *body, struct buffer *out) MUST_USE;

#endif
