/*
 * postgresql.h: the journal as a table of PostgreSQL: a batch is one transaction of one statement,
 * for which the server does not wait. One of the two back ends of journal.c. etc/postgresql.sql
 * makes the table. Without libpq (HAVE_LIBPQ) there is none, and postgresql_backend.open() says so.
 */
#ifndef TCPACK_SERVER_JOURNAL_POSTGRESQL_H
#define TCPACK_SERVER_JOURNAL_POSTGRESQL_H

#include "common/compiler.h"
#include "server/journal/backend.h"

/*
 * Its open() connects, examines the server, and takes the lock of its name: it waits for each host
 * up to commit_timeout. Called again, it takes commit_timeout over.
 */
extern const struct backend postgresql_backend;

/* What it works on: not connected. NULL with errno ENOMEM. */
void *postgresql_new(void) MUST_USE;

#endif
