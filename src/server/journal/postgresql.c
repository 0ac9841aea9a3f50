#include "server/journal/postgresql.h"

#ifdef HAVE_LIBPQ

#include "common/numbered.h"
#include "server/journal/arrays.h"
#include "server/journal/pgsession.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    US_PER_SECOND = 1000000,
    ARRAY_KEPT_MAX = 8 * 1024 * 1024, /* bytes of an array that stay allocated after a commit */
    SEQ_BYTES = 24,                   /* hold a SEQ as text */
};

/* The columns of the batch, in the order of the statement's parameters. */
enum column { PEERS, LISTENERS, NAMES, NUMBERS, MESSAGES, COLUMNS };

struct postgresql {
    struct pgsession *session;
    bool committing; /* pgsession_record() was called, and its outcome is still to come */
    struct array columns[COLUMNS];
    struct problem problem;
};

/* ------------------------------------------------------------------------------------- the batch
 */

static bool append_numbered(struct array columns[COLUMNS], const struct record *record)
{
    struct numbered numbered;

    if (numbered_read(record->message, record->size, &numbered))
        return array_add(&columns[NAMES], numbered.name, numbered.name_size) &&
               array_add_number(&columns[NUMBERS], (int64_t)numbered.number);
    return array_add(&columns[NAMES], NULL, 0) && array_add(&columns[NUMBERS], NULL, 0);
}

static bool append_columns(struct array columns[COLUMNS], const struct record *record)
{
    const char *listener = *record->listener == '\0' ? NULL : record->listener;
    const void *message = record->size == 0 ? "" : record->message;

    return array_add(&columns[PEERS], record->peer, strlen(record->peer)) &&
           array_add(&columns[LISTENERS], listener, listener == NULL ? 0 : strlen(listener)) &&
           append_numbered(columns, record) && array_add(&columns[MESSAGES], message, record->size);
}

bool postgresql_append(struct postgresql *database, const struct record *record)
{
    uint32_t count = database->columns[MESSAGES].count;
    size_t sizes[COLUMNS];

    for (size_t at = 0; at < COLUMNS; at++)
        sizes[at] = database->columns[at].bytes.size;
    if (append_columns(database->columns, record))
        return true;
    for (size_t at = 0; at < COLUMNS; at++)
        array_cut(&database->columns[at], count, sizes[at]);
    return false;
}

size_t postgresql_size(const struct postgresql *database)
{
    size_t size = 0;

    for (size_t at = 0; at < COLUMNS; at++)
        size += database->columns[at].bytes.size;
    return size;
}

void postgresql_clear(struct postgresql *database)
{
    for (size_t at = 0; at < COLUMNS; at++)
        array_clear(&database->columns[at], ARRAY_KEPT_MAX);
}

/* ------------------------------------------------------------------------------------ the commit
 */

static void begin_commit(struct postgresql *database, uint64_t first, const char *time)
{
    char seq[SEQ_BYTES];
    struct pgsession_rows rows = {.values = {seq, time}};

    (void)snprintf(seq, sizeof seq, "%" PRIu64, first);
    for (size_t at = 0; at < COLUMNS; at++) {
        array_finish(&database->columns[at]);
        rows.values[2 + at] = (const char *)database->columns[at].bytes.bytes;
        rows.lengths[2 + at] = (int)database->columns[at].bytes.size;
        rows.formats[2 + at] = 1;
    }
    pgsession_record(database->session, &rows);
    database->committing = true;
}

/* Says that `what` failed, and why. */
static void failed(struct postgresql *database, const char *what)
{
    problem_set(&database->problem, "%s: %s", what, pgsession_problem(database->session)->text);
}

static enum journal_result end_commit(struct postgresql *database, enum pgsession_event event)
{
    database->committing = event == PGSESSION_NOTHING;
    switch (event) {
    case PGSESSION_NOTHING:
        return JOURNAL_PENDING;
    case PGSESSION_RECORDED:
        return JOURNAL_COMMITTED;
    case PGSESSION_REFUSED:
        failed(database, "cannot record in PostgreSQL");
        return JOURNAL_REFUSED;
    case PGSESSION_CONNECTED: /* not while a commit is under way */
    case PGSESSION_FAILED:
    case PGSESSION_UNKNOWN:
        break;
    }
    failed(database, "cannot tell what PostgreSQL has recorded");
    return JOURNAL_UNKNOWN;
}

enum journal_result postgresql_commit(struct postgresql *database, uint64_t first, const char *time)
{
    if (!database->committing) {
        if (pgsession_state(database->session) != PGSESSION_READY) {
            failed(database, "not connected to PostgreSQL");
            return JOURNAL_REFUSED;
        }
        begin_commit(database, first, time);
    }
    return end_commit(database, pgsession_proceed(database->session));
}

/* ------------------------------------------------------------------------------------ the session
 */

enum journal_event postgresql_tend(struct postgresql *database)
{
    switch (pgsession_proceed(database->session)) {
    case PGSESSION_CONNECTED:
        return JOURNAL_BACK;
    case PGSESSION_FAILED:
        failed(database, "not connected to PostgreSQL");
        return JOURNAL_AWAY;
    default:
        return JOURNAL_NO_EVENT;
    }
}

struct journal_wait postgresql_wait(const struct postgresql *database)
{
    struct pgsession_wait wait = pgsession_wait(database->session);

    return (struct journal_wait){
        .fd = wait.fd, .read = wait.read, .write = wait.write, .due = wait.due};
}

bool postgresql_can_commit(const struct postgresql *database)
{
    return database->committing || pgsession_state(database->session) == PGSESSION_READY;
}

uint64_t postgresql_last_seq(const struct postgresql *database)
{
    return pgsession_last_seq(database->session);
}

const struct problem *postgresql_problem(const struct postgresql *database)
{
    return &database->problem;
}

static struct postgresql *new_database(const struct journal_options *options,
                                       struct problem *problem)
{
    static const enum array_type types[COLUMNS] = {ARRAY_OF_TEXT, ARRAY_OF_TEXT, ARRAY_OF_TEXT,
                                                   ARRAY_OF_BIGINT, ARRAY_OF_BYTEA};
    struct postgresql *database = calloc(1, sizeof *database);
    const struct pgsession_options session = {
        .conninfo = options->postgresql,
        .replicas = options->replicas,
        .timeout_us = (int64_t)options->commit_timeout * US_PER_SECOND,
        .examine_only = options->examine_only,
    };

    if (database == NULL) {
        problem_set(problem, "%s", strerror(errno));
        return NULL;
    }
    for (size_t at = 0; at < COLUMNS; at++)
        database->columns[at].type = types[at];
    database->session = pgsession_new(&session, problem);
    if (database->session != NULL)
        return database;
    postgresql_free(database);
    return NULL;
}

struct postgresql *postgresql_open(const struct journal_options *options, struct problem *problem)
{
    struct problem why;
    struct postgresql *database =
        pgsession_check(options->postgresql, &why) ? new_database(options, &why) : NULL;

    if (database != NULL && !pgsession_wait_ready(database->session)) {
        why = *pgsession_problem(database->session);
        postgresql_free(database);
        database = NULL;
    }
    if (database == NULL)
        problem_set(problem, "cannot use PostgreSQL as journal: %s", why.text);
    return database;
}

void postgresql_free(struct postgresql *database)
{
    if (database == NULL)
        return;
    pgsession_free(database->session);
    for (size_t at = 0; at < COLUMNS; at++)
        array_free(&database->columns[at]);
    free(database);
}

void postgresql_change(struct postgresql *database, const struct journal_options *options)
{
    pgsession_set_timeout(database->session, (int64_t)options->commit_timeout * US_PER_SECOND);
}

#else

/* The configuration refuses `postgresql`: none of these is called but with a NULL database. */

struct postgresql *postgresql_open(const struct journal_options *options, struct problem *problem)
{
    (void)options;
    problem_set(problem, "this tcpackd was built without libpq, PostgreSQL's library");
    return NULL;
}

void postgresql_free(struct postgresql *database)
{
    (void)database;
}

void postgresql_change(struct postgresql *database, const struct journal_options *options)
{
    (void)database;
    (void)options;
}

bool postgresql_append(struct postgresql *database, const struct record *record)
{
    (void)database;
    (void)record;
    return false;
}

size_t postgresql_size(const struct postgresql *database)
{
    (void)database;
    return 0;
}

enum journal_result postgresql_commit(struct postgresql *database, uint64_t first, const char *time)
{
    (void)database;
    (void)first;
    (void)time;
    return JOURNAL_REFUSED;
}

void postgresql_clear(struct postgresql *database)
{
    (void)database;
}

enum journal_event postgresql_tend(struct postgresql *database)
{
    (void)database;
    return JOURNAL_NO_EVENT;
}

struct journal_wait postgresql_wait(const struct postgresql *database)
{
    (void)database;
    return (struct journal_wait){.fd = -1, .due = INT64_MAX};
}

bool postgresql_can_commit(const struct postgresql *database)
{
    (void)database;
    return false;
}

uint64_t postgresql_last_seq(const struct postgresql *database)
{
    (void)database;
    return 0;
}

const struct problem *postgresql_problem(const struct postgresql *database)
{
    static const struct problem none = {""};

    (void)database;
    return &none;
}

#endif
