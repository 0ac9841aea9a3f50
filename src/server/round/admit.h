/*
 * admit.h: which connections may come in: access lists, connections per address, and what a proxy
 * says of its client.
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
 * Whether a connection that was accepted from `peer` may come in: its address has access and is
 * below its limit of connections. False: that was logged and counted, and the caller closes it. A
 * connection from a proxy must name its client first: it gets the state CONNECTION_PROXY.
 */
bool admit_accepted(struct server *server, struct connection *connection,
                    const struct address *peer) MUST_USE;

enum admission {
    ADMISSION_GRANTED, /* the header is the first *used bytes */
    ADMISSION_OPEN,    /* the header is unfinished */
    ADMISSION_REFUSED, /* that was logged and counted: the caller closes */
};

/* The same for a connection in that state, when bytes of its header have come. */
enum admission admit_proxied(struct server *server, struct connection *connection,
                             const unsigned char *bytes, size_t size, size_t *used) MUST_USE;

/*
 * The same for a connection whose header left the proxy its peer, at its first message that is no
 * health check: so a proxy may check a server whatever the access lists say, and a check that only
 * connects is not logged. False: logged and counted, the caller refuses it.
 */
bool admit_proxy(struct server *server, struct connection *connection) MUST_USE;

/* It will count as refused, not as ended; the caller closes it. */
void admit_refused(struct connection *connection, enum metrics_refusal reason);

/* Takes it out of the counts; it counts as ended unless it was refused. */
void admit_leave(struct server *server, const struct connection *connection);

#endif
