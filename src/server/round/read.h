/* read.h: the third step of a round: bytes become messages, records and replies. */
#ifndef TCPACK_SERVER_ROUND_READ_H
#define TCPACK_SERVER_ROUND_READ_H

struct server;

/* Reads from connections that are ready, until all were read or the batch is large. */
void round_read(struct server *server);

#endif
