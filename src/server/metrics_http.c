#include "server/metrics_http.h"

#include <string.h>
#include <strings.h>

/* The size of the head, up to and with its empty line; 0: it is unfinished. */
static size_t head_size(const unsigned char *bytes, size_t size)
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

/* Takes the next line off the head, without its end. */
static char *take_line(char **head)
{
    char *line = strsep(head, "\n");
    size_t size = strlen(line);

    if (size > 0 && line[size - 1] == '\r')
        line[size - 1] = '\0';
    return line;
}

/* Whether the target is /metrics, perhaps after `http://HOST` and before a query. Changes it. */
static bool is_metrics(char *target)
{
    if (strncasecmp(target, "http://", 7) == 0)
        target += 7 + strcspn(target + 7, "/?");
    target[strcspn(target, "?")] = '\0';
    return strcmp(target, "/metrics") == 0;
}

/* Reads `METHOD TARGET HTTP/1.x`; returns the status. */
static int read_request_line(char *line, struct metrics_request *request, bool *old)
{
    const char *method = strsep(&line, " ");
    char *target = strsep(&line, " ");

    if (line == NULL || strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) != strlen("HTTP/1.1"))
        return 400;
    *old = line[7] == '0';
    request->head = strcmp(method, "HEAD") == 0;
    if (!is_metrics(target))
        return 404;
    return request->head || strcmp(method, "GET") == 0 ? 200 : 405;
}

/* Reads `NAME: VALUE`. False: malformed. */
static bool read_field(char *line, struct metrics_request *request, int *hosts)
{
    const char *name = strsep(&line, ":");

    if (line == NULL || *name == '\0' || name[strcspn(name, " \t")] != '\0')
        return false;
    if (strcasecmp(name, "Host") == 0)
        ++*hosts;
    if (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0)
        request->close = true;
    if (strcasecmp(name, "Connection") == 0)
        for (const char *word; (word = strsep(&line, ", \t")) != NULL;)
            if (strcasecmp(word, "close") == 0)
                request->close = true;
    return true;
}

/* Reads the head, a text that this changes; returns the status. */
static int read_head(char *head, struct metrics_request *request)
{
    bool old = false; /* HTTP/1.0 */
    int hosts = 0;
    int status = read_request_line(take_line(&head), request, &old);

    for (char *line = take_line(&head); *line != '\0'; line = take_line(&head))
        if (!read_field(line, request, &hosts))
            return 400;
    if (old)
        request->close = true;
    return hosts > 1 || (hosts == 0 && !old) ? 400 : status;
}

bool metrics_http_parse(const unsigned char *bytes, size_t size, struct metrics_request *request)
{
    char head[METRICS_HTTP_HEAD_MAX + 1];
    size_t limit = size < METRICS_HTTP_HEAD_MAX ? size : METRICS_HTTP_HEAD_MAX;
    size_t consumed = head_size(bytes, limit);

    if (consumed == 0 && size < METRICS_HTTP_HEAD_MAX)
        return false;
    *request = (struct metrics_request){.status = 400, .consumed = limit};
    if (consumed > 0) {
        memcpy(head, bytes, consumed);
        head[consumed] = '\0';
        request->consumed = consumed;
        if (strlen(head) == consumed)
            request->status = read_head(head, request);
    }
    if (request->status == 400)
        request->close = true;
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
    struct tm parts;
    char date[32] = "";

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(date, sizeof date, format, &parts);
    return buffer_printf(out,
                         "HTTP/1.1 %d %s\r\nDate: %s\r\n"
                         "Content-Type: text/plain; %scharset=utf-8\r\n"
                         "Content-Length: %zu\r\n%s%s\r\n",
                         request->status, reason, date, good ? "version=0.0.4; " : "",
                         good ? body->size : strlen(reason) + 1,
                         request->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                         request->close ? "Connection: close\r\n" : "") &&
           (request->head || (good ? buffer_append(out, body->bytes, body->size)
                                   : buffer_printf(out, "%s\n", reason)));
}
