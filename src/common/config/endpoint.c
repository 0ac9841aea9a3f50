#include "common/config/endpoint.h"

#include "common/number.h"

#include <stdint.h>
#include <string.h>

enum { PORT_MAX = 65535 };

bool endpoint_parse(const char *text, struct endpoint *endpoint, struct problem *problem)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = size > 2 && text[0] == '[' && colon[-1] == ']';
    uint64_t port;

    if (size == 0 || size >= sizeof endpoint->host || text[0] == '/' ||
        text[strcspn(text, " \t,")] != '\0' || (!bracketed && strchr(text, ':') != colon))
        return problem_set(problem, "not of the form ADDRESS:PORT, such as 127.0.0.1:9464");
    if (!number_parse(colon + 1, 10, 0, PORT_MAX, &port))
        return problem_set(problem, "the port \"%s\" is not a number from 0 to %d", colon + 1,
                           PORT_MAX);
    memcpy(endpoint->host, text, size);
    endpoint->host[size] = '\0';
    endpoint->port = (unsigned)port;
    return true;
}
