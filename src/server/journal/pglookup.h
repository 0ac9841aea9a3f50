/*
 * pglookup.h: the names of PostgreSQL's hosts as addresses. Waits for the system's resolver, for
 * which there is no time limit: it is called when the server starts, and never again.
 */
#ifndef TCPACK_SERVER_JOURNAL_PGLOOKUP_H
#define TCPACK_SERVER_JOURNAL_PGLOOKUP_H

#include "common/compiler.h"
#include "common/problem.h"
#include "server/journal/pghosts.h"

#include <stdbool.h>

/*
 * Gives each host that has a name and no address its address; if the name has several, it becomes
 * as many hosts. Paths of Unix sockets stay. The names stay, too: certificates and passwords go by
 * them. False with the reason in `problem`, and `hosts` as before.
 */
bool pglookup(struct pghosts *hosts, struct problem *problem) MUST_USE;

#endif
