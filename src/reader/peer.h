/* peer.h: the peer of a record as an address. Pure. */
#ifndef TCPACK_READER_PEER_H
#define TCPACK_READER_PEER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Bytes of a peer before its port and the colon there; all of it if it has none. */
size_t peer_address_size(const char *peer, size_t size);

/* As peer_parse(), of a peer without its port: `192.0.2.1`, `[2001:db8::1%eth0]` or `unix`. */
bool peer_parse_address(const char *text, size_t size, struct sockaddr_storage *address) MUST_USE;

/*
 * Reads `192.0.2.1:4711`, `[2001:db8::1%eth0]:4711` or `unix`: then the family is AF_UNIX. Neither
 * port nor zone is set. False: it is none of these.
 */
bool peer_parse(const char *peer, size_t size, struct sockaddr_storage *address) MUST_USE;

#endif
