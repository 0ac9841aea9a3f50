/*
 * connections.h: the table of open connections: they come, wait for something, and go.
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
    struct connection **all; /* by descriptor; NULL: none; owned */
    size_t size;             /* entries of that table */
    uint64_t count;          /* connections open */
    uint64_t peak;           /* most of them since memory was given back */
    struct deadlines *deadlines;
};

/*
 * Adds a connection on an accepted descriptor, which it owns from now on, watched for reading.
 * NULL: out of memory, and the descriptor is still the caller's.
 */
struct connection *connections_add(struct server *server, int fd,
                                   const struct listener_settings *settings) MUST_USE;

/* Sets what a connection waits for, and its deadline. */
void connections_settle(struct server *server, struct connection *connection);

/* Closes a connection for `connection->end`; `why`, if not NULL, is logged. */
void connections_close(struct server *server, struct connection *connection, const char *why);

/*
 * At the end: closes the connections that have nothing under way, and adds the others to the
 * round's answers, as ones of which no more is taken. There must be no answers.
 */
void connections_refuse_all(struct server *server);

void connections_close_all(struct server *server);

/* Frees the table and the connections in it, without a word. */
void connections_free(struct connections *connections);

#endif
