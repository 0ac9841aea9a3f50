/*
 * round.h: one turn of the server's loop. Each step is a file; server.c calls them in turn.
 *
 *   wait     select(): which descriptors are ready
 *   accept   take new connections
 *   read     each ready connection: recv, framing, messages, appended to the journal's batch
 *   commit   one write() for the batch, and one fdatasync() if sync = yes
 *   answer   one send() for each connection with all of its replies
 */
#ifndef TCPACK_SERVER_ROUND_ROUND_H
#define TCPACK_SERVER_ROUND_ROUND_H

#include "server/round/accept.h"
#include "server/round/answer.h"
#include "server/round/commit.h"
#include "server/round/read.h"
#include "server/round/wait.h"

#endif
