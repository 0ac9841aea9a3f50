/* read.h: the third step of a round: turns bytes into messages, records and replies. */
#ifndef TCPACK_SERVER_ROUND_READ_H
#define TCPACK_SERVER_ROUND_READ_H

struct server;

/* Reads from the ready connections, until all were read or the batch is large. */
void round_read(struct server *server);

#endif
