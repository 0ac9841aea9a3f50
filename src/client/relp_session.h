/*
 * relp_session.h: begins and ends a RELP session on a connection, and waits meanwhile. What comes
 * in between, the messages and their responses, is the framing's (common/framing/).
 */
#ifndef TCPACK_CLIENT_RELP_SESSION_H
#define TCPACK_CLIENT_RELP_SESSION_H

#include "client/outcome.h"
#include "common/framing/relp_offers.h"
#include "common/compiler.h"

#include <stdint.h>

enum { RELP_SESSION_PROBLEM_SIZE = RELP_OFFERS_PROBLEM_SIZE };

/*
 * Opens a session on `fd`, connected and non-blocking. OUTCOME_DONE; OUTCOME_INTERRUPTED; or
 * OUTCOME_UNREACHABLE, and `problem`, RELP_SESSION_PROBLEM_SIZE bytes, says what is wrong. `due_us`
 * is monotonic, when to give up; WAIT_FOREVER.
 */
enum outcome relp_session_open(int fd, int64_t due_us, char *problem) MUST_USE;

/*
 * Closes the session with a command of this transaction number, and waits, a second at most, until
 * the server has answered. It fails silently: everything is acknowledged by then.
 */
void relp_session_close(int fd, uint64_t transaction);

#endif
