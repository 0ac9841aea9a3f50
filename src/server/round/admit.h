/*
 * admit.h: which connections are admitted: access lists, connections per address, and the client
 * that a proxy names.
 */
#ifndef TCPACK_SERVER_ROUND_ADMIT_H
#define TCPACK_SERVER_ROUND_ADMIT_H

#include "common/address.h"
#include "common/compiler.h"
#include "server/connection/connection.h"

#include <stdbool.h>
#include <stddef.h>

struct server;

/*
 * Whether a connection accepted from `peer` is admitted: its address has access and is below its
 * limit of connections. False: logged and counted; the caller closes it. A connection from a proxy
 * must name its client first: it gets the state CONNECTION_PROXY.
 */
bool admit_accepted(struct server *server, struct connection *connection,
                    const struct address *peer) MUST_USE;

enum admission {
    ADMISSION_GRANTED, /* the header is the first *used bytes */
    ADMISSION_OPEN,    /* the header is unfinished */
    ADMISSION_REFUSED, /* logged and counted: the caller closes */
};

/* The same for a connection in that state, when bytes of its header have arrived. */
enum admission admit_proxied(struct server *server, struct connection *connection,
                             const unsigned char *bytes, size_t size, size_t *used) MUST_USE;

/*
 * The same for a connection whose header named no client, so that the proxy is the peer, at its
 * first message that is not a health check. So a proxy may check the server whatever the access
 * lists say, and a check that only connects is not logged. False: logged and counted; the caller
 * refuses it.
 */
bool admit_proxy(struct server *server, struct connection *connection) MUST_USE;

/* Counts the connection as refused, not as ended; the caller closes it. */
void admit_refused(struct connection *connection, enum metrics_refusal reason);

/* Takes the connection out of the counts by address, and counts its end or refusal. */
void admit_leave(struct server *server, const struct connection *connection);

#endif
