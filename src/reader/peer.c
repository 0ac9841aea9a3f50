#include "reader/peer.h"

#include "common/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { PORT_MAX = 65535, TEXT_SIZE = 128 }; /* more than any peer has: INET6_ADDRSTRLEN, a zone */

static bool is_port(const char *text)
{
    uint64_t port;

    return number_parse(text, 10, 0, PORT_MAX, &port);
}

/* `[ADDRESS]:PORT` or `[ADDRESS%ZONE]:PORT`, from after the bracket. */
static bool parse_ipv6(char *text, struct sockaddr_in6 *address)
{
    char *end = strrchr(text, ']');

    if (end == NULL || end[1] != ':' || !is_port(end + 2))
        return false;
    *end = '\0';
    text[strcspn(text, "%")] = '\0';
    address->sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &address->sin6_addr) == 1;
}

static bool parse_ipv4(char *text, struct sockaddr_in *address)
{
    char *colon = strchr(text, ':');

    if (colon == NULL || !is_port(colon + 1))
        return false;
    *colon = '\0';
    address->sin_family = AF_INET;
    return inet_pton(AF_INET, text, &address->sin_addr) == 1;
}

bool peer_parse(const char *peer, size_t size, struct sockaddr_storage *address)
{
    char text[TEXT_SIZE];

    *address = (struct sockaddr_storage){0};
    if (size >= sizeof text)
        return false;
    memcpy(text, peer, size);
    text[size] = '\0';
    if (strcmp(text, "unix") == 0) {
        address->ss_family = AF_UNIX;
        return true;
    }
    return text[0] == '[' ? parse_ipv6(text + 1, (void *)address)
                          : parse_ipv4(text, (void *)address);
}
