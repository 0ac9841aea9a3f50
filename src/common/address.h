/*
 * address.h: socket addresses as text, and text as socket addresses: for the server's listeners,
 * the client's connection, and the names of peers in both.
 */
#ifndef TCPACK_COMMON_ADDRESS_H
#define TCPACK_COMMON_ADDRESS_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
};

struct address_list {
    struct address *addresses; /* NULL while count is 0 */
    size_t count;
};

/* Bytes, with the final NUL, that hold any address as text: the longest is a Unix socket's path. */
enum { ADDRESS_TEXT_SIZE = 128 };

/* Bytes that hold a peer as text: "[" + an IPv6 address with its zone + "]:65535" and a NUL. */
enum { ADDRESS_PEER_SIZE = 65 };

/*
 * Writes `127.0.0.1:53312`, `[::1]:53312`, `[fe80::1%2]:53312` (the zone by number) or the path of
 * a Unix socket ("an abstract Unix socket" for a name without one), and a NUL; a longer text is
 * cut. An IPv4-mapped IPv6 address is written as IPv4. Returns the bytes written without NUL.
 */
size_t address_text(const struct address *address, char *text, size_t size);

/* The same, with `unix` for every Unix socket: how records and log lines name a peer. */
size_t address_peer_text(const struct address *address, char *text, size_t size);

/* Whether every byte is the same, port and zone included. */
bool address_equal(const struct address *one, const struct address *other);

/* The port of an IPv4 or IPv6 address; -1 for a Unix socket. */
int address_port(const struct address *address);

/* Sets the port, 0 to 65535, of an IPv4 or IPv6 address; a Unix socket stays as it is. */
void address_set_port(struct address *address, int port);

enum address_use {
    ADDRESS_TO_LISTEN,
    ADDRESS_TO_LISTEN_NOW, /* without waiting: a name, which would need a lookup, fails */
    ADDRESS_TO_CONNECT
};

/*
 * All stream addresses of `host`: a name, an address, an IPv6 address in brackets, `*` (every
 * address, IPv6 and IPv4; to listen only), or `/path` (a Unix socket; `port` is ignored). True, and
 * a list of at least one, none of them twice, that the caller gives to address_list_free(); false,
 * with the problem and an empty list.
 */
bool address_resolve(const char *host, unsigned port, enum address_use use,
                     struct address_list *list, struct problem *problem) MUST_USE;

/* Adds an address to the list, unless the list has it already. False with errno ENOMEM. */
bool address_list_add(struct address_list *list, const struct address *address) MUST_USE;

/*
 * The host at which a client reaches a server that listens on `host`: for a wildcard, which cannot
 * be connected to, the loopback address (static text); otherwise `host` itself.
 */
const char *address_to_connect_to(const char *host);

void address_list_free(struct address_list *list);

#endif
