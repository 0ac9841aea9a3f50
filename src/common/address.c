#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static size_t ipv4_text(const void *host, in_port_t port, char *text, size_t size)
{
    char digits[INET_ADDRSTRLEN] = "?";

    (void)inet_ntop(AF_INET, host, digits, sizeof digits); /* cannot fail with this room */
    return (size_t)snprintf(text, size, "%s:%u", digits, (unsigned)ntohs(port));
}

static size_t ipv6_text(const struct sockaddr_in6 *in6, char *text, size_t size)
{
    char digits[INET6_ADDRSTRLEN] = "?";
    char zone[sizeof "%4294967295"] = "";

    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return ipv4_text(&in6->sin6_addr.s6_addr[12], in6->sin6_port, text, size);
    (void)inet_ntop(AF_INET6, &in6->sin6_addr, digits, sizeof digits);
    if (in6->sin6_scope_id != 0) /* by number: a name may contain any byte except blank and slash */
        (void)snprintf(zone, sizeof zone, "%%%" PRIu32, in6->sin6_scope_id);
    return (size_t)snprintf(text, size, "[%s%s]:%u", digits, zone, (unsigned)ntohs(in6->sin6_port));
}

const char *address_to_connect_to(const char *host)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (strcmp(host, "*") == 0 ||
        (inet_pton(AF_INET, host, &ipv4) == 1 && ipv4.s_addr == INADDR_ANY))
        return "127.0.0.1";
    if (strcmp(host, "[::]") == 0 ||
        (inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&ipv6)))
        return "::1";
    return host;
}

static size_t cut(size_t length, size_t size)
{
    return length < size ? length : size - 1;
}

size_t address_peer_text(const struct address *address, char *text, size_t size)
{
    /* Copies, since a sockaddr_storage may not be read as another type. */
    if (address->storage.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &address->storage, sizeof in);
        return cut(ipv4_text(&in.sin_addr, in.sin_port, text, size), size);
    }
    if (address->storage.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address->storage, sizeof in6);
        return cut(ipv6_text(&in6, text, size), size);
    }
    return cut((size_t)snprintf(text, size, "unix"), size);
}

size_t address_text(const struct address *address, char *text, size_t size)
{
    struct sockaddr_un un = {0};

    if (address->storage.ss_family != AF_UNIX)
        return address_peer_text(address, text, size);
    memcpy(&un, &address->storage, address->size < sizeof un ? address->size : sizeof un);
    if (un.sun_path[0] != '\0' || address->size <= offsetof(struct sockaddr_un, sun_path))
        return cut((size_t)snprintf(text, size, "%.*s", (int)sizeof un.sun_path, un.sun_path),
                   size);
    return cut((size_t)snprintf(text, size, "an abstract Unix socket"), size);
}

bool address_equal(const struct address *one, const struct address *other)
{
    return one->size == other->size && memcmp(&one->storage, &other->storage, one->size) == 0;
}

int address_port(const struct address *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->storage.ss_family == AF_INET) {
        memcpy(&in, &address->storage, sizeof in);
        return ntohs(in.sin_port);
    }
    if (address->storage.ss_family == AF_INET6) {
        memcpy(&in6, &address->storage, sizeof in6);
        return ntohs(in6.sin6_port);
    }
    return -1;
}

void address_set_port(struct address *address, int port)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->storage.ss_family == AF_INET) {
        memcpy(&in, &address->storage, sizeof in);
        in.sin_port = htons((in_port_t)port);
        memcpy(&address->storage, &in, sizeof in);
    } else if (address->storage.ss_family == AF_INET6) {
        memcpy(&in6, &address->storage, sizeof in6);
        in6.sin6_port = htons((in_port_t)port);
        memcpy(&address->storage, &in6, sizeof in6);
    }
}

static bool list_has(const struct address_list *list, const struct address *address)
{
    for (size_t at = 0; at < list->count; at++)
        if (address_equal(&list->addresses[at], address))
            return true;
    return false;
}

bool address_list_add(struct address_list *list, const struct address *address)
{
    if (list_has(list, address))
        return true;
    struct address *more = realloc(list->addresses, (list->count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    list->addresses = more;
    more[list->count++] = *address;
    return true;
}

static bool list_add(struct address_list *list, const void *socket_address, socklen_t size)
{
    struct address added = {.size = size};

    memcpy(&added.storage, socket_address, size);
    return address_list_add(list, &added);
}

static bool resolve_unix(const char *path, struct address_list *list, struct problem *problem)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof un.sun_path)
        return problem_set(problem, "the path is too long for a Unix socket");
    memcpy(un.sun_path, path, strlen(path));
    if (!list_add(list, &un, sizeof un))
        return problem_set(problem, "%s", strerror(errno));
    return true;
}

static bool resolve_every(unsigned port, struct address_list *list, struct problem *problem)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};

    if (!list_add(list, &in6, sizeof in6) || !list_add(list, &in, sizeof in))
        return problem_set(problem, "%s", strerror(errno));
    return true;
}

static bool resolve_name(const char *host, unsigned port, enum address_use use,
                         struct address_list *list, struct problem *problem)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    char literal[ADDRESS_TEXT_SIZE];
    size_t length = strlen(host);

    if (length > 2 && length < sizeof literal && host[0] == '[' && host[length - 1] == ']') {
        memcpy(literal, host + 1, length - 2);
        literal[length - 2] = '\0';
        host = literal;
    }
    hints.ai_flags = AI_NUMERICSERV | (use == ADDRESS_TO_CONNECT ? 0 : AI_PASSIVE) |
                     (use == ADDRESS_TO_LISTEN_NOW ? AI_NUMERICHOST : 0);
    (void)snprintf(service, sizeof service, "%u", port); /* at most 65535 */
    int error = getaddrinfo(host, service, &hints, &found);
    if (error == EAI_NONAME && use == ADDRESS_TO_LISTEN_NOW)
        return problem_set(problem,
                           "names are looked up only at the start: write its address, or restart");
    if (error != 0)
        return problem_set(problem, "%s",
                           error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    bool added = true;
    for (struct addrinfo *one = found; added && one != NULL; one = one->ai_next)
        added = list_add(list, one->ai_addr, one->ai_addrlen);
    if (!added)
        problem_set(problem, "%s", strerror(errno));
    freeaddrinfo(found);
    return added;
}

bool address_resolve(const char *host, unsigned port, enum address_use use,
                     struct address_list *list, struct problem *problem)
{
    bool found;

    *list = (struct address_list){0};
    if (host[0] == '/')
        found = resolve_unix(host, list, problem);
    else if (strcmp(host, "*") == 0 && use != ADDRESS_TO_CONNECT)
        found = resolve_every(port, list, problem);
    else
        found = resolve_name(host, port, use, list, problem);
    if (!found)
        address_list_free(list);
    return found;
}

void address_list_free(struct address_list *list)
{
    free(list->addresses);
    *list = (struct address_list){0};
}
