#include "common/network.h"

#include "common/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IPV4_BITS = 32,
    IPV6_BITS = 128,
    MAPPED_BITS = 96,                  /* of the prefix ::ffff:0:0/96 */
    ENTRY_SIZE = INET6_ADDRSTRLEN + 4, /* an address, "/128"; INET6_ADDRSTRLEN counts the NUL */
};

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static unsigned bits_of(int family)
{
    return family == AF_INET ? IPV4_BITS : IPV6_BITS;
}

/*
 * Turns an IPv4-mapped address or network into IPv4. A wider network does not match the mapped
 * prefix: its bits after its own prefix are 0.
 */
static void unmap(struct network *network)
{
    if (network->family != AF_INET6 ||
        memcmp(network->address, mapped_prefix, sizeof mapped_prefix) != 0)
        return;
    network->family = AF_INET;
    network->prefix -= MAPPED_BITS;
    memmove(network->address, network->address + sizeof mapped_prefix, 4);
    memset(network->address + 4, 0, sizeof network->address - 4);
}

/* Byte `i` of the mask of a prefix: all ones, all zeros, or some of each. */
static unsigned char mask_byte(unsigned prefix, size_t i)
{
    size_t before = i * 8;

    if (prefix >= before + 8)
        return 0xff;
    if (prefix <= before)
        return 0;
    return (unsigned char)(0xff00u >> (prefix - before));
}

static bool has_host_bits(const struct network *network)
{
    for (size_t i = 0; i < sizeof network->address; i++)
        if ((network->address[i] & (unsigned char)~mask_byte(network->prefix, i)) != 0)
            return true;
    return false;
}

static void name_right_network(const char *entry, struct network network, struct problem *problem)
{
    char address[INET6_ADDRSTRLEN] = "";

    for (size_t i = 0; i < sizeof network.address; i++)
        network.address[i] &= mask_byte(network.prefix, i);
    (void)inet_ntop(network.family, network.address, address, sizeof address); /* it has room */
    problem_set(problem, "\"%s\" has bits set after its prefix: the network is %s/%u", entry,
                address, network.prefix);
}

static bool parse_entry(const char *entry, struct network *network, struct problem *problem)
{
    char address[ENTRY_SIZE];
    size_t address_size = strcspn(entry, "/");
    uint64_t prefix;

    memcpy(address, entry, address_size);
    address[address_size] = '\0';
    *network = (struct network){.family = strchr(address, ':') == NULL ? AF_INET : AF_INET6};
    if (inet_pton(network->family, address, network->address) != 1)
        return problem_set(problem,
                           "\"%s\" is not an address or network (as in 192.0.2.1, 10.0.0.0/8, "
                           "2001:db8::/32)",
                           entry);
    network->prefix = bits_of(network->family);
    if (entry[address_size] == '/') {
        if (!number_parse(entry + address_size + 1, 10, 0, network->prefix, &prefix))
            return problem_set(problem, "\"%s\" has no prefix from 0 to %u after the \"/\"", entry,
                               network->prefix);
        network->prefix = (unsigned)prefix;
    }
    if (has_host_bits(network)) {
        name_right_network(entry, *network, problem);
        return false;
    }
    unmap(network);
    return true;
}

static bool append(struct network_list *list, const struct network *network)
{
    struct network *networks = realloc(list->networks, (list->count + 1) * sizeof *list->networks);

    if (networks == NULL)
        return false;
    networks[list->count++] = *network;
    list->networks = networks;
    return true;
}

/* Reads the `size` bytes at `text` as one entry and appends it. */
static bool parse_next(const char *text, size_t size, struct network_list *list,
                       struct problem *problem)
{
    char entry[ENTRY_SIZE];
    struct network network;

    if (size >= sizeof entry)
        return problem_set(problem, "\"%.*s...\" is too long for an address", (int)sizeof entry - 1,
                           text);
    memcpy(entry, text, size);
    entry[size] = '\0';
    if (!parse_entry(entry, &network, problem))
        return false;
    if (!append(list, &network))
        return problem_set(problem, "not enough memory");
    return true;
}

bool network_list_parse(const char *text, struct network_list *list, struct problem *problem)
{
    *list = (struct network_list){0};
    for (text += strspn(text, NETWORK_SEPARATORS); *text != '\0';
         text += strspn(text, NETWORK_SEPARATORS)) {
        size_t size = strcspn(text, NETWORK_SEPARATORS);
        if (!parse_next(text, size, list, problem)) {
            network_list_free(list);
            return false;
        }
        text += size;
    }
    return true;
}

static bool network_has(const struct network *network, const struct network *address)
{
    if (network->family != address->family)
        return false;
    for (size_t i = 0; i < sizeof network->address; i++)
        if ((address->address[i] & mask_byte(network->prefix, i)) != network->address[i])
            return false;
    return true;
}

bool network_list_has(const struct network_list *list, const struct sockaddr *address)
{
    struct network wanted = {.family = address->sa_family};

    if (list->count == 0)
        return false;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const void *)address;
        memcpy(wanted.address, &ipv4->sin_addr, sizeof ipv4->sin_addr);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const void *)address;
        memcpy(wanted.address, &ipv6->sin6_addr, sizeof ipv6->sin6_addr);
    } else {
        return false;
    }
    wanted.prefix = bits_of(wanted.family);
    unmap(&wanted);
    for (size_t i = 0; i < list->count; i++)
        if (network_has(&list->networks[i], &wanted))
            return true;
    return false;
}

void network_list_free(struct network_list *list)
{
    free(list->networks);
    *list = (struct network_list){0};
}
