/* wait.h: the first step of a round: sleeps until there is something to do. */
#ifndef TCPACK_SERVER_ROUND_WAIT_H
#define TCPACK_SERVER_ROUND_WAIT_H

struct server;

/* Waits for a descriptor, a signal or a deadline. Closes overdue connections, handles signals. */
void round_wait(struct server *server);

#endif
