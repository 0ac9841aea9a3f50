/*
 * postgresql.h: the journal as a table of PostgreSQL: a batch is one transaction of one statement.
 * journal.c calls it; etc/postgresql.sql makes the table. Without libpq (HAVE_LIBPQ) there is none,
 * and postgresql_open() says so.
 */
#ifndef TCPACK_SERVER_JOURNAL_POSTGRESQL_H
#define TCPACK_SERVER_JOURNAL_POSTGRESQL_H

#include "common/compiler.h"
#include "common/problem.h"
#include "common/record.h"
#include "server/journal/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct postgresql;

/*
 * Connects, examines the server, and takes the lock of its name: waits for each host up to
 * commit_timeout. NULL: see *problem.
 */
struct postgresql *postgresql_open(const struct journal_options *options,
                                   struct problem *problem) MUST_USE;

/* Closes the connection. NULL is allowed. */
void postgresql_free(struct postgresql *database);

/* Takes commit_timeout over; the other options need a restart. */
void postgresql_change(struct postgresql *database, const struct journal_options *options);

/* Appends to the batch; SEQ and time are those of the commit. False: out of memory. */
bool postgresql_append(struct postgresql *database, const struct record *record) MUST_USE;

/* Bytes of the batch. */
size_t postgresql_size(const struct postgresql *database);

/*
 * Begins to commit the batch, whose first record has SEQ `first` and which is not empty; or, while
 * that is under way, goes on with it. The batch stays until postgresql_clear().
 */
enum journal_result postgresql_commit(struct postgresql *database, uint64_t first,
                                      const char *time) MUST_USE;

void postgresql_clear(struct postgresql *database);

/* The functions of journal.h of the same names. */
enum journal_event postgresql_tend(struct postgresql *database) MUST_USE;
struct journal_wait postgresql_wait(const struct postgresql *database);
bool postgresql_can_commit(const struct postgresql *database);

/* The highest SEQ in the table when it was connected last. */
uint64_t postgresql_last_seq(const struct postgresql *database);

const struct problem *postgresql_problem(const struct postgresql *database);

#endif
