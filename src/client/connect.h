/*
 * connect.h: connects to the server. It tries each address of the host in turn, each with a
 * time-out. With RELP, connecting includes opening the session.
 */
#ifndef TCPACK_CLIENT_CONNECT_H
#define TCPACK_CLIENT_CONNECT_H

#include "client/outcome.h"
#include "common/address.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct connect_target {
    const char *host; /* for address_resolve() */
    unsigned port;
    int64_t timeout_us; /* for each address; 0: the system's own limit */
    bool relp;          /* open a RELP session */
};

struct client_connection {
    int fd;                       /* non-blocking; -1: not connected */
    char peer[ADDRESS_TEXT_SIZE]; /* the server's address */
};

/*
 * Returns OUTCOME_DONE with an open connection, or OUTCOME_UNKNOWN_HOST, OUTCOME_UNREACHABLE or
 * OUTCOME_INTERRUPTED without one. Appends each error on the way to `problems` as a string with its
 * NUL, even if a later address worked.
 */
enum outcome connect_open(const struct connect_target *target, struct client_connection *connection,
                          struct buffer *problems) MUST_USE;

/* Logs each string that connect_open() appended, with one of the functions of log.h. */
void connect_log_problems(const struct buffer *problems, void (*log)(const char *format, ...));

/* Closes the connection in order: the server receives everything that was sent, then the end. */
void connect_close(struct client_connection *connection);

/*
 * Closes it with a reset: the server drops an unfinished message, which it would take for a whole
 * one if the connection ended in order. A Unix socket has no reset and is closed in order.
 */
void connect_reset(struct client_connection *connection);

#endif
