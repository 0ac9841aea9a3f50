/*
 * http.h: recognizes HTTP. A web page can make a browser send requests to any port that the user's
 * machine reaches; without this check their lines would be recorded as messages. Pure.
 */
#ifndef TCPACK_SERVER_CONNECTION_HTTP_H
#define TCPACK_SERVER_CONNECTION_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the first line of bytes[0..size) is an HTTP request line (RFC 9112, section 3): `METHOD
 * TARGET HTTP/1.x`. The line ends with LF or CR LF or, if `whole`, at the end of the bytes.
 */
bool http_is_request(const unsigned char *bytes, size_t size, bool whole);

/*
 * Whether bytes[0..size) are the beginning of a long request line: a method in capital letters and
 * an absolute path, at least HTTP_CUT_MIN bytes, without LF. Shorter beginnings do not count: only
 * a long line arrives in several pieces.
 */
bool http_is_cut_request(const unsigned char *bytes, size_t size);

enum { HTTP_CUT_MIN = 512 };

#endif
