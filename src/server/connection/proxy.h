/*
 * proxy.h: the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): a proxy names
 * its client in a header before the client's first byte. For connections from the networks in
 * `proxy_from`. Pure: bytes in, a header out.
 */
#ifndef TCPACK_SERVER_CONNECTION_PROXY_H
#define TCPACK_SERVER_CONNECTION_PROXY_H

#include "common/address.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest header: 16 bytes, then up to 65,535 of addresses and TLVs (version 2). */
enum { PROXY_HEADER_MAX = 16 + 65535 };

enum proxy_result {
    PROXY_CLIENT,     /* header.peer is the proxy's client */
    PROXY_REAL,       /* UNKNOWN or LOCAL: use the connection's real endpoints */
    PROXY_UNFINISHED, /* not a whole header yet: call again with these and more bytes */
    PROXY_MALFORMED,  /* not a valid header; header.problem has the reason */
};

struct proxy_header {
    struct address peer;    /* for PROXY_CLIENT */
    size_t consumed;        /* bytes of the header; for CLIENT and REAL */
    struct problem problem; /* for PROXY_MALFORMED */
};

/*
 * Parses the header at the beginning of a connection's bytes[0..size). Never returns
 * PROXY_UNFINISHED for PROXY_HEADER_MAX bytes or more.
 */
enum proxy_result proxy_parse(const unsigned char *bytes, size_t size,
                              struct proxy_header *header) MUST_USE;

/* Whether bytes[0..size) begin like a header. For connections that should not send one. */
bool proxy_begins(const unsigned char *bytes, size_t size);

#endif
