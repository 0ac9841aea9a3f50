/* answer.h: the last step of a round: sends the replies. */
#ifndef TCPACK_SERVER_ROUND_ANSWER_H
#define TCPACK_SERVER_ROUND_ANSWER_H

struct server;

/* Sends the replies, and sets what each of the round's connections waits for next. */
void round_answer(struct server *server);

#endif
