#include "server/connection/http.h"

#include <string.h>

/* Whether `byte` can be part of a method (RFC 9110, section 5.6.2). */
static bool is_token(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') ||
           (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

/* Whether bytes[0..size) are `METHOD TARGET HTTP/1.x`, without an ending. */
static bool is_request_line(const unsigned char *bytes, size_t size)
{
    static const char version[] = " HTTP/1."; /* and a digit */
    const size_t version_size = sizeof version - 1 + 1;
    size_t method = 0;

    while (method < size && is_token(bytes[method]))
        method++;
    if (method == 0 || size < method + 2 + version_size || bytes[method] != ' ')
        return false;
    const unsigned char *target = bytes + method + 1;
    const unsigned char *end = bytes + size - version_size;
    return memcmp(end, version, sizeof version - 1) == 0 && bytes[size - 1] >= '0' &&
           bytes[size - 1] <= '9' && memchr(target, ' ', (size_t)(end - target)) == NULL;
}

bool http_is_request(const unsigned char *bytes, size_t size, bool whole)
{
    const unsigned char *newline = size == 0 ? NULL : memchr(bytes, '\n', size);

    if (newline == NULL && !whole)
        return false;
    size_t length = newline == NULL ? size : (size_t)(newline - bytes);
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    return is_request_line(bytes, length);
}

bool http_is_cut_request(const unsigned char *bytes, size_t size)
{
    size_t method = 0;

    if (size < HTTP_CUT_MIN)
        return false;
    while (method < size && bytes[method] >= 'A' && bytes[method] <= 'Z')
        method++;
    return method > 0 && method + 1 < size && bytes[method] == ' ' && bytes[method + 1] == '/' &&
           memchr(bytes, '\n', size) == NULL;
}
