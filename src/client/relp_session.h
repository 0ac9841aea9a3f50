/*
 * relp_session.h: opens and closes a RELP session on a connection; both wait for the server.
 * Messages and their responses are the framing's (common/framing/).
 */
#ifndef TCPACK_CLIENT_RELP_SESSION_H
#define TCPACK_CLIENT_RELP_SESSION_H

#include "client/outcome.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdint.h>

/*
 * Opens a session on `fd`, which is connected and non-blocking. Gives up at `due_us` (monotonic, or
 * WAIT_FOREVER). OUTCOME_DONE, OUTCOME_INTERRUPTED, or OUTCOME_UNREACHABLE with the reason in
 * `problem`.
 */
enum outcome relp_session_open(int fd, int64_t due_us, struct problem *problem) MUST_USE;

/*
 * Sends `close` with this transaction number and waits up to a second for the response. Fails
 * silently: all messages are acknowledged by then.
 */
void relp_session_close(int fd, uint64_t transaction);

#endif
