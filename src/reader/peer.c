#include "reader/peer.h"

#include "common/number.h"
#include "common/record.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { PORT_MAX = 65535, TEXT_SIZE = RECORD_PEER_MAX + 1 };

/* `[ADDRESS]` or `[ADDRESS%ZONE]`, from after the bracket. */
static bool parse_ipv6(char *text, struct sockaddr_in6 *address)
{
    char *end = strchr(text, ']');

    if (end == NULL || end[1] != '\0')
        return false;
    *end = '\0';
    text[strcspn(text, "%")] = '\0';
    address->sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &address->sin6_addr) == 1;
}

static bool parse_ipv4(const char *text, struct sockaddr_in *address)
{
    address->sin_family = AF_INET;
    return inet_pton(AF_INET, text, &address->sin_addr) == 1;
}

size_t peer_address_size(const char *peer, size_t size)
{
    size_t end = size;

    while (end > 0 && peer[end - 1] != ':')
        end--;
    return end > 0 ? end - 1 : size;
}

bool peer_parse_address(const char *text, size_t size, struct sockaddr_storage *address)
{
    char copy[TEXT_SIZE];

    *address = (struct sockaddr_storage){0};
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strcmp(copy, "unix") == 0) {
        address->ss_family = AF_UNIX;
        return true;
    }
    return copy[0] == '[' ? parse_ipv6(copy + 1, (void *)address)
                          : parse_ipv4(copy, (void *)address);
}

static bool is_port(const char *text, size_t size)
{
    char copy[TEXT_SIZE];
    uint64_t port;

    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return number_parse(copy, 10, 0, PORT_MAX, &port);
}

bool peer_parse(const char *peer, size_t size, struct sockaddr_storage *address)
{
    size_t end = peer_address_size(peer, size);

    if (!peer_parse_address(peer, end, address))
        return false;
    if (address->ss_family == AF_UNIX)
        return end == size;
    return end < size && is_port(peer + end + 1, size - end - 1);
}
