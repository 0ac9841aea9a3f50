/*
 * explain.h: with explain = yes, tells a client why it is refused: a line `refused: ...` before the
 * connection is closed. The line ends as the listener's replies do (in framing auto, with a
 * newline). Not in framing relp, and not for a listener that does not acknowledge: its clients may
 * never read.
 */
#ifndef TCPACK_SERVER_ROUND_EXPLAIN_H
#define TCPACK_SERVER_ROUND_EXPLAIN_H

#include "common/compiler.h"
#include "server/connection/connection.h"
#include "server/round/answers.h"

/* Appends the line to the replies of the round. Out of memory: the client is told nothing. */
void explain_append(struct answers *answers, const struct connection *connection,
                    const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * Sends the line at once, before a close, unless replies are unsent. The client may not receive it:
 * this is not waited for.
 */
void explain_now(const struct connection *connection, const char *why);

/*
 * After a commit that failed: the line becomes the answer of each connection whose messages were in
 * the batch.
 */
void explain_unrecorded(struct answers *answers);

#endif
