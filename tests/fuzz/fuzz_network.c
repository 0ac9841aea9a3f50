/*
 * An address list is refused with a reason or read, whatever it is. Of what is read each network
 * has its own first address, also as an IPv4-mapped one, and not the one with a bit of its prefix
 * turned over; and written anew from what was read, the list is the same.
 */
#include "common/buffer.h"
#include "common/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool has(const struct network *network, const unsigned char *address)
{
    struct network copy = *network;
    struct network_list list = {&copy, 1};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

    memcpy(&ipv6.sin6_addr, address, 16);
    if (network->family == AF_INET6)
        return network_list_has(&list, (const struct sockaddr *)&ipv6);
    memcpy(&ipv4.sin_addr, address, 4);
    memset(&ipv6.sin6_addr, 0, 16);
    memset(ipv6.sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(ipv6.sin6_addr.s6_addr + 12, address, 4);
    bool found = network_list_has(&list, (const struct sockaddr *)&ipv4);
    require(found == network_list_has(&list, (const struct sockaddr *)&ipv6));
    return found;
}

static void check(const struct network *network)
{
    unsigned char address[16];

    require(network->prefix <= (network->family == AF_INET ? 32 : 128));
    memcpy(address, network->address, sizeof address);
    require(has(network, address));
    for (unsigned bit = 0; bit < network->prefix; bit++) {
        address[bit / 8] ^= (unsigned char)(0x80u >> bit % 8);
        require(!has(network, address));
        address[bit / 8] ^= (unsigned char)(0x80u >> bit % 8);
    }
}

static void check_written_anew(const struct network_list *list)
{
    struct buffer text = {0};
    struct network_list again;
    struct problem problem;
    char address[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < list->count; i++) {
        const struct network *network = &list->networks[i];
        require(inet_ntop(network->family, network->address, address, sizeof address) != NULL);
        require(buffer_printf(&text, "%s/%u,", address, network->prefix));
    }
    require(buffer_append(&text, "", 1));
    require(network_list_parse((const char *)text.bytes, &again, &problem));
    require(again.count == list->count);
    for (size_t i = 0; i < list->count; i++) {
        require(again.networks[i].family == list->networks[i].family);
        require(again.networks[i].prefix == list->networks[i].prefix);
        require(memcmp(again.networks[i].address, list->networks[i].address, 16) == 0);
    }
    network_list_free(&again);
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct network_list list;
    struct problem problem = {""};
    char *text = malloc(size + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    bool read = network_list_parse(text, &list, &problem);
    require(read == (problem.text[0] == '\0'));
    require(read || list.count == 0);
    for (size_t i = 0; i < list.count; i++)
        check(&list.networks[i]);
    check_written_anew(&list);
    network_list_free(&list);
    free(text);
    return 0;
}
