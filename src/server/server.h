/*
 * server.h: the server as a whole: listeners, connections, journal, and the round that serves them
 * until a signal asks it to stop. The program's edge: it logs.
 */
#ifndef TCPACK_SERVER_SERVER_H
#define TCPACK_SERVER_SERVER_H

#include "common/compiler.h"
#include "common/config/config.h"

struct server;

/*
 * Listens and opens the journal as `config` says, which it takes over, and logs that it is ready.
 * `source` is where the configuration came from; it is read again on SIGHUP and must stay valid.
 * NULL, with the reason logged and *status the exit status, when something could not be done.
 */
struct server *server_new(const struct config_source *source, struct config *config,
                          int *status) MUST_USE;

/* Serves until it is asked to stop or the journal fails. Returns the exit status. */
int server_run(struct server *server) MUST_USE;

/* Closes everything. NULL is allowed. */
void server_free(struct server *server);

#endif
