/* read.h: the third step of a round: turns bytes into messages, records and replies. */
#ifndef TCPACK_SERVER_ROUND_READ_H
#define TCPACK_SERVER_ROUND_READ_H

#include <stdbool.h>

struct server;

/* Whether something waits that needs an empty batch: the end, or a reload. */
bool round_must_finish(const struct server *server);

/* Whether round_read() will read. Not while a commit is under way and the batch after it is large.
 */
bool round_may_read(const struct server *server);

/*
 * Reads from the ready connections, until all were read or the batch is large. Those with messages
 * that are not answered yet are read after their answer.
 */
void round_read(struct server *server);

#endif
