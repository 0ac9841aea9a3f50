/*
 * network.h: lists of addresses and networks, and whether an address is in one. For allow, deny and
 * proxy_from. Pure: numbers only, no name is looked up.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1), in a list or of a peer, counts as the IPv4
 * address: an IPv4 client has one on a socket that accepts both.
 */
#ifndef TCPACK_COMMON_NETWORK_H
#define TCPACK_COMMON_NETWORK_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* All addresses that have the first `prefix` bits of `address`. */
struct network {
    int family;                /* AF_INET or AF_INET6 */
    unsigned prefix;           /* 0 to 32, or to 128 */
    unsigned char address[16]; /* in network order; the bits after the prefix, and after the four
                                  bytes of an IPv4 address, are 0 */
};

/* A zeroed struct is an empty list. */
struct network_list {
    struct network *networks; /* NULL while count is 0 */
    size_t count;
};

/* One or more of these separate two entries of a list. */
#define NETWORK_SEPARATORS " \t,"

/*
 * Reads addresses and networks (`192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`), separated by blanks or
 * commas; an empty text is an empty list. True: the caller gives the list to network_list_free().
 * False with the problem: the list is empty.
 */
bool network_list_parse(const char *text, struct network_list *list,
                        struct problem *problem) MUST_USE;

/* Whether the address is in one of the networks. A Unix socket's never is. */
bool network_list_has(const struct network_list *list, const struct sockaddr *address);

/* The list is empty and usable again. */
void network_list_free(struct network_list *list);

#endif
