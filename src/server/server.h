/*
 * server.h: the server as a whole: starts and ends its parts, and runs the loop until a signal asks
 * it to stop. It logs what goes wrong.
 */
#ifndef TCPACK_SERVER_SERVER_H
#define TCPACK_SERVER_SERVER_H

#include "common/compiler.h"
#include "common/config/config.h"

struct server;

/*
 * Opens the listeners and the journal of `config`, changes the user, and logs that it is ready.
 * Takes ownership of the contents of `config`, even on failure. `source` is what `config` was read
 * from; SIGHUP reads it again, so it must outlive the server. NULL with the reason logged and the
 * exit status (sysexits.h) in *status.
 */
struct server *server_new(const struct config_source *source, struct config *config,
                          int *status) MUST_USE;

/* Serves until it is told to stop or the journal fails. Returns the exit status (sysexits.h). */
int server_run(struct server *server) MUST_USE;

/* Closes everything. NULL is allowed. */
void server_free(struct server *server);

#endif
