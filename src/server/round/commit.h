/* commit.h: the fourth step of a round: the batch becomes durable. */
#ifndef TCPACK_SERVER_ROUND_COMMIT_H
#define TCPACK_SERVER_ROUND_COMMIT_H

struct server;

/* Commits the batch. If that fails, takes the replies to it back, or stops the server. */
void round_commit(struct server *server);

#endif
