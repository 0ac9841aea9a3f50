/* answer.h: the last step of a round: replies leave. */
#ifndef TCPACK_SERVER_ROUND_ANSWER_H
#define TCPACK_SERVER_ROUND_ANSWER_H

struct server;

/* Sends the replies, and decides for each of the round's connections what it waits for next. */
void round_answer(struct server *server);

#endif
