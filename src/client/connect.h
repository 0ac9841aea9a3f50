/*
 * connect.h: connects to the server: every address of its name in turn, each within a time.
 */
#ifndef TCPACK_CLIENT_CONNECT_H
#define TCPACK_CLIENT_CONNECT_H

#include "client/outcome.h"
#include "common/address.h"
#include "common/buffer.h"
#include "common/compiler.h"

#include <stdint.h>

struct connect_target {
    const char *host; /* as address_resolve() takes it */
    unsigned port;
    int64_t timeout_us; /* for each address; 0: as long as the system tries */
};

struct client_connection {
    int fd;                       /* non-blocking; -1 while there is none */
    char peer[ADDRESS_TEXT_SIZE]; /* the address that took it */
};

/*
 * OUTCOME_DONE and an open connection; OUTCOME_UNKNOWN_HOST, OUTCOME_UNREACHABLE
 * or OUTCOME_INTERRUPTED and none. Each thing that went wrong on the way is appended
 * to `problems` as a text with a NUL, also when a later address worked.
 */
enum outcome connect_open(const struct connect_target *target, struct client_connection *connection,
                          struct buffer *problems) MUST_USE;

/* Logs each of the texts of connect_open() with one of the functions of log.h. */
void connect_log_problems(const struct buffer *problems, void (*log)(const char *format, ...));

/* Ends the connection in order: the server receives everything that was sent, then the end. */
void connect_close(struct client_connection *connection);

/*
 * Ends it with a reset: the server drops what it has of an unfinished message, which after an end
 * in order would count as a whole one. A Unix socket has no reset: there it ends in order.
 */
void connect_reset(struct client_connection *connection);

#endif
