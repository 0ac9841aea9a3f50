#include "server/metrics_http.h"

#include <string.h>
#include <strings.h>

/* A part of the head, without the end of its line. */
struct text {
    const char *bytes;
    size_t size;
};

static bool text_is(struct text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.bytes, word, text.size) == 0;
}

/* The same for a name or a word whose case does not matter. */
static bool text_means(struct text text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.bytes, word, text.size) == 0;
}

static struct text text_between(const char *begin, const char *end)
{
    return (struct text){begin, (size_t)(end - begin)};
}

/* The size of the head, up to and with its empty line; 0: it is unfinished. */
static size_t head_size(const char *bytes, size_t size)
{
    size_t line = 0; /* where the line begins */

    for (size_t at = 0; at < size; at++) {
        if (bytes[at] != '\n')
            continue;
        if (line > 0 && (at == line || (at == line + 1 && bytes[line] == '\r')))
            return at + 1;
        line = at + 1;
    }
    return 0;
}

/* Takes the next line off the head. */
static struct text take_line(struct text *head)
{
    const char *end = memchr(head->bytes, '\n', head->size);
    struct text line = text_between(head->bytes, end);

    *head = text_between(end + 1, head->bytes + head->size);
    if (line.size > 0 && line.bytes[line.size - 1] == '\r')
        line.size--;
    return line;
}

/* Takes what comes before the separator off the text. False: there is no separator. */
static bool take_until(struct text *text, char separator, struct text *part)
{
    const char *end = text->size == 0 ? NULL : memchr(text->bytes, separator, text->size);

    if (end == NULL)
        return false;
    *part = text_between(text->bytes, end);
    *text = text_between(end + 1, text->bytes + text->size);
    return true;
}

static bool is_token(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.bytes[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return text.size > 0;
}

static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (((unsigned char)text.bytes[i] < ' ' && text.bytes[i] != '\t') || text.bytes[i] == 127)
            return true;
    return false;
}

/* Whether the target is /metrics, perhaps with a scheme and host before it and a query after it. */
static bool is_metrics(struct text target)
{
    struct text scheme, host, path = target;

    if (take_until(&path, ':', &scheme) && text_means(scheme, "http") && path.size > 2 &&
        memcmp(path.bytes, "//", 2) == 0) {
        path = text_between(path.bytes + 2, path.bytes + path.size);
        if (take_until(&path, '/', &host))
            target = text_between(path.bytes - 1, path.bytes + path.size);
    }
    path = target;
    if (take_until(&path, '?', &target))
        path = target;
    return text_is(path, "/metrics");
}

/* Reads `METHOD TARGET HTTP/1.x`; returns the status. */
static int read_request_line(struct text line, struct metrics_request *request, bool *old)
{
    struct text method, target;

    if (!take_until(&line, ' ', &method) || !take_until(&line, ' ', &target) || !is_token(method) ||
        target.size == 0 || has_control(target))
        return 400;
    if (line.size != strlen("HTTP/1.1") || memcmp(line.bytes, "HTTP/", 5) != 0)
        return 400;
    *old = text_is(line, "HTTP/1.0");
    if (memcmp(line.bytes, "HTTP/1.", 7) != 0 || line.bytes[7] < '0' || line.bytes[7] > '9')
        return 505;
    request->head = text_is(method, "HEAD");
    if (!is_metrics(target))
        return 404;
    return request->head || text_is(method, "GET") ? 200 : 405;
}

static struct text trimmed(struct text text)
{
    while (text.size > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t'))
        text = text_between(text.bytes + 1, text.bytes + text.size);
    while (text.size > 0 && (text.bytes[text.size - 1] == ' ' || text.bytes[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Whether the list, separated by commas, has `close`. */
static bool has_close(struct text list)
{
    struct text entry;

    while (take_until(&list, ',', &entry))
        if (text_means(trimmed(entry), "close"))
            return true;
    return text_means(trimmed(list), "close");
}

/* Reads `NAME: VALUE`. False: malformed. */
static bool read_field(struct text line, struct metrics_request *request, int *hosts)
{
    struct text name;

    if (!take_until(&line, ':', &name) || !is_token(name) || has_control(line))
        return false;
    struct text value = trimmed(line);
    *hosts += text_means(name, "Host");
    if ((text_means(name, "Connection") && has_close(value)) ||
        text_means(name, "Transfer-Encoding") ||
        (text_means(name, "Content-Length") && !text_is(value, "0")))
        request->close = true;
    return true;
}

static void refuse(struct metrics_request *request, int status)
{
    request->status = status;
    request->close = true;
}

bool metrics_http_parse(const unsigned char *bytes, size_t size, struct metrics_request *request)
{
    size_t limit = size < METRICS_HTTP_HEAD_MAX ? size : METRICS_HTTP_HEAD_MAX;
    size_t consumed = head_size((const char *)bytes, limit);
    struct text head = {(const char *)bytes, consumed};
    bool old = false;
    int hosts = 0;

    *request = (struct metrics_request){.consumed = consumed > 0 ? consumed : limit};
    if (consumed == 0) {
        if (size < METRICS_HTTP_HEAD_MAX)
            return false;
        refuse(request, 431);
        return true;
    }
    request->status = read_request_line(take_line(&head), request, &old);
    while (head.size > 0) {
        struct text line = take_line(&head);
        if (line.size > 0 && !read_field(line, request, &hosts))
            request->status = 400;
    }
    if (hosts > 1 || (hosts == 0 && !old))
        request->status = request->status == 505 ? 505 : 400;
    if (request->status == 400 || request->status == 505)
        refuse(request, request->status);
    request->close = request->close || old;
    return true;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

bool metrics_http_respond(const struct metrics_request *request, time_t now,
                          const struct buffer *body, struct buffer *out)
{
    static const char format[] = "%a, %d %b %Y %H:%M:%S GMT"; /* in the C locale: RFC 9110, 5.6.7 */
    const char *reason = reason_of(request->status);
    bool good = request->status == 200;
    size_t size = good ? body->size : strlen(reason) + 1;
    size_t before = out->size;
    struct tm parts;
    char date[32] = "";

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(date, sizeof date, format, &parts);
    if (buffer_printf(out,
                      "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; %scharset=utf-8\r\n"
                      "Content-Length: %zu\r\n%s%s\r\n",
                      request->status, reason, date, good ? "version=0.0.4; " : "", size,
                      request->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                      request->close ? "Connection: close\r\n" : "") &&
        (request->head ||
         (good ? buffer_append(out, body->bytes, body->size) : buffer_printf(out, "%s\n", reason))))
        return true;
    out->size = before;
    return false;
}
