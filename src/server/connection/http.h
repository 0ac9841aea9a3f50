/*
 * http.h: recognizes HTTP. A web page can make a browser send requests to any port that the user's
 * machine reaches, and their lines would be recorded like messages. Pure.
 */
#ifndef TCPACK_SERVER_CONNECTION_HTTP_H
#define TCPACK_SERVER_CONNECTION_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the first line of bytes[0..size) is an HTTP request line (RFC 9112, section 3): `METHOD
 * TARGET HTTP/1.x`. The line ends with LF or CR LF; or, if `whole`, with the bytes.
 */
bool http_is_request(const unsigned char *bytes, size_t size, bool whole);

/*
 * Whether bytes[0..size) are the beginning of a long request line: a method in capital letters and
 * an absolute path, HTTP_CUT_MIN bytes or more, none of them LF. Shorter ones do not count: only
 * long requests are cut on the way.
 */
bool http_is_cut_request(const unsigned char *bytes, size_t size);

enum { HTTP_CUT_MIN = 512 };

#endif
