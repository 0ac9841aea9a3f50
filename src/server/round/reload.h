/*
 * reload.h: SIGHUP. Reads the configuration again; it takes effect as a whole, between two rounds.
 * Everything that can fail is prepared first, beside what is in use; after that, nothing can fail.
 */
#ifndef TCPACK_SERVER_ROUND_RELOAD_H
#define TCPACK_SERVER_ROUND_RELOAD_H

struct server;

/* Reads the configuration again and reopens the journal. The batch must be empty. Logs. */
void reload_configuration(struct server *server);

#endif
