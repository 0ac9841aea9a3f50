/*
 * proxy.h: the PROXY protocol, versions 1 and 2: how a proxy in front says who its client is, in a
 * header before the client's first byte (haproxy.org, proxy-protocol.txt). For connections from the
 * networks in `proxy_from`. Pure: bytes in, a header out.
 */
#ifndef TCPACK_SERVER_CONNECTION_PROXY_H
#define TCPACK_SERVER_CONNECTION_PROXY_H

#include "common/address.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest header: version 2 has 16 bytes, then up to 65,535 of addresses and TLVs. */
enum { PROXY_HEADER_MAX = 16 + 65535 };

enum proxy_result {
    PROXY_CLIENT,     /* header.peer is the proxy's client */
    PROXY_REAL,       /* UNKNOWN or LOCAL: the connection's real endpoints count */
    PROXY_UNFINISHED, /* no whole header yet: call again with these bytes and more behind them */
    PROXY_MALFORMED,  /* no valid header begins here; header.problem says why */
};

struct proxy_header {
    struct address peer; /* for PROXY_CLIENT */
    size_t consumed;     /* bytes of the header, except for UNFINISHED and MALFORMED */
    const char *problem; /* static text, for PROXY_MALFORMED */
};

/*
 * Reads the header at the beginning of a connection's bytes[0..size). Never PROXY_UNFINISHED for
 * PROXY_HEADER_MAX bytes or more.
 */
enum proxy_result proxy_parse(const unsigned char *bytes, size_t size,
                              struct proxy_header *header) MUST_USE;

/* Whether bytes[0..size), where no header is expected, begin like one. */
bool proxy_begins(const unsigned char *bytes, size_t size);

#endif
