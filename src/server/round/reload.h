/*
 * reload.h: SIGHUP. The configuration is read again and takes effect as a whole, between two
 * rounds: first everything that can fail, beside what is in use; then nothing can fail.
 */
#ifndef TCPACK_SERVER_ROUND_RELOAD_H
#define TCPACK_SERVER_ROUND_RELOAD_H

struct server;

/* Reads the configuration again and reopens the journal. There must be no batch. Logs. */
void reload_configuration(struct server *server);

#endif
