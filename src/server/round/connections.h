/*
 * connections.h: the table of open connections: adding one, what each waits for, closing one.
 */
#ifndef TCPACK_SERVER_ROUND_CONNECTIONS_H
#define TCPACK_SERVER_ROUND_CONNECTIONS_H

#include "common/compiler.h"
#include "server/connection/connection.h"
#include "server/connection/deadlines.h"

#include <stddef.h>
#include <stdint.h>

struct server;

struct connections {
    struct connection **all; /* by descriptor; NULL: not open; owned */
    size_t size;             /* entries of that table */
    uint64_t count;          /* connections open */
    uint64_t peak;           /* the most that were open since the heap was last trimmed */
    struct deadlines *deadlines;
};

/*
 * Adds a connection, which owns the accepted descriptor from now on, and watches it for reading.
 * NULL: out of memory, and the descriptor is still the caller's.
 */
struct connection *connections_add(struct server *server, int fd,
                                   const struct listener_settings *settings) MUST_USE;

/* Sets what the connection waits for, and its deadline. */
void connections_settle(struct server *server, struct connection *connection);

/* Closes a connection for `connection->end`; `why`, if not NULL, is logged. */
void connections_close(struct server *server, struct connection *connection, const char *why);

/*
 * When the server stops: closes the connections that have no replies under way, refuses the others,
 * and adds them to the round's answers, which must be empty.
 */
void connections_refuse_all(struct server *server);

void connections_close_all(struct server *server);

/* Frees the table and its connections. Does not log. */
void connections_free(struct connections *connections);

#endif
