/* commit.h: the fourth step of a round: makes the batch durable. */
#ifndef TCPACK_SERVER_ROUND_COMMIT_H
#define TCPACK_SERVER_ROUND_COMMIT_H

struct server;

/* Commits the batch. If that fails, drops the replies to it, or stops the server. */
void round_commit(struct server *server);

#endif
