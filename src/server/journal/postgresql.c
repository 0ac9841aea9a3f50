#include "server/journal/postgresql.h"

#include <stdlib.h>

#ifdef HAVE_LIBPQ

#include "common/clock.h"
#include "common/numbered.h"
#include "server/journal/arrays.h"
#include "server/journal/pgsession.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    US_PER_SECOND = 1000000,
    ARRAY_KEPT_MAX = 8 * 1024 * 1024, /* bytes of an array that stay allocated after a commit */
    SEQ_BYTES = 24,                   /* hold a SEQ as text */
};

/* The columns of the batch, in the order of the statement's parameters. */
enum column { PEERS, LISTENERS, NAMES, NUMBERS, MESSAGES, COLUMNS };

struct database {
    struct pgsession *session; /* NULL: not opened */
    int64_t begun_us;          /* when the commit began that is under way; 0: none */
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

static bool append(void *database, const struct record *record)
{
    struct database *self = database;
    uint32_t count = self->columns[MESSAGES].count;
    size_t sizes[COLUMNS];

    for (size_t at = 0; at < COLUMNS; at++)
        sizes[at] = self->columns[at].bytes.size;
    if (append_columns(self->columns, record))
        return true;
    for (size_t at = 0; at < COLUMNS; at++)
        array_cut(&self->columns[at], count, sizes[at]);
    return false;
}

static size_t size(const void *database)
{
    const struct database *self = database;
    size_t bytes = 0;

    for (size_t at = 0; at < COLUMNS; at++)
        bytes += self->columns[at].bytes.size;
    return bytes;
}

/* ------------------------------------------------------------------------------------ the commit
 */

static void clear(struct database *self)
{
    for (size_t at = 0; at < COLUMNS; at++)
        array_clear(&self->columns[at], ARRAY_KEPT_MAX);
}

static void begin_commit(struct database *self, const struct backend_batch *batch)
{
    char seq[SEQ_BYTES];
    struct pgsession_rows rows = {.values = {seq, batch->time}};

    (void)snprintf(seq, sizeof seq, "%" PRIu64, batch->first);
    for (size_t at = 0; at < COLUMNS; at++) {
        array_finish(&self->columns[at]);
        rows.values[2 + at] = (const char *)self->columns[at].bytes.bytes;
        rows.lengths[2 + at] = (int)self->columns[at].bytes.size;
        rows.formats[2 + at] = 1;
    }
    self->begun_us = clock_monotonic_us();
    pgsession_record(self->session, &rows);
    clear(self); /* libpq has a copy */
}

/* Says that `what` failed, and why. */
static void failed(struct database *self, const char *what)
{
    problem_set(&self->problem, "%s: %s", what, pgsession_problem(self->session)->text);
}

static enum journal_result result_of(struct database *self, enum pgsession_event event)
{
    switch (event) {
    case PGSESSION_NOTHING:
        return JOURNAL_PENDING;
    case PGSESSION_RECORDED:
        return JOURNAL_COMMITTED;
    case PGSESSION_REFUSED:
        failed(self, "cannot record in PostgreSQL");
        return JOURNAL_REFUSED;
    case PGSESSION_CONNECTED: /* not while a commit is under way */
    case PGSESSION_FAILED:
    case PGSESSION_UNKNOWN:
        break;
    }
    failed(self, "cannot tell what PostgreSQL has recorded");
    return JOURNAL_UNKNOWN;
}

static enum journal_result commit(void *database, const struct backend_batch *batch,
                                  int64_t *sync_us)
{
    struct database *self = database;

    if (self->begun_us == 0 && pgsession_state(self->session) != PGSESSION_READY) {
        failed(self, "not connected to PostgreSQL");
        clear(self);
        return JOURNAL_REFUSED;
    }
    if (self->begun_us == 0) {
        begin_commit(self, batch);
        return JOURNAL_PENDING;
    }
    enum journal_result result = result_of(self, pgsession_proceed(self->session));
    *sync_us = clock_monotonic_us() - self->begun_us;
    if (result != JOURNAL_PENDING)
        self->begun_us = 0;
    return result;
}

/* ------------------------------------------------------------------------------------ the session
 */

/* What the database has can be more than the journal knows of: it was another session's. */
static void raise_seq(const struct database *self, uint64_t *seq)
{
    if (pgsession_last_seq(self->session) > *seq)
        *seq = pgsession_last_seq(self->session);
}

static enum journal_event tend(void *database, uint64_t *seq)
{
    struct database *self = database;

    switch (pgsession_proceed(self->session)) {
    case PGSESSION_CONNECTED:
        raise_seq(self, seq);
        return JOURNAL_BACK;
    case PGSESSION_FAILED:
        failed(self, "not connected to PostgreSQL");
        return JOURNAL_AWAY;
    default:
        return JOURNAL_NO_EVENT;
    }
}

static struct journal_wait wait_of(const void *database)
{
    const struct database *self = database;
    struct pgsession_wait wait = pgsession_wait(self->session);

    return (struct journal_wait){
        .fd = wait.fd, .read = wait.read, .write = wait.write, .due = wait.due};
}

static bool is_lost(const void *database)
{
    (void)database;
    return false;
}

static bool can_commit(const void *database)
{
    const struct database *self = database;

    return self->begun_us != 0 || pgsession_state(self->session) == PGSESSION_READY;
}

static const struct problem *problem(const void *database)
{
    const struct database *self = database;

    return &self->problem;
}

/* --------------------------------------------------------------------------------- open and close
 */

void *postgresql_new(void)
{
    static const enum array_type types[COLUMNS] = {ARRAY_OF_TEXT, ARRAY_OF_TEXT, ARRAY_OF_TEXT,
                                                   ARRAY_OF_BIGINT, ARRAY_OF_BYTEA};
    struct database *self = calloc(1, sizeof *self);

    for (size_t at = 0; self != NULL && at < COLUMNS; at++)
        self->columns[at].type = types[at];
    return self;
}

static void close_session(struct database *self)
{
    pgsession_free(self->session);
    self->session = NULL;
}

static bool connect_first(struct database *self, const struct journal_options *options)
{
    const struct pgsession_options session = {
        .conninfo = options->postgresql,
        .replicas = options->replicas,
        .timeout_us = (int64_t)options->commit_timeout * US_PER_SECOND,
        .examine_only = options->examine_only,
    };
    struct problem why;

    if (pgsession_check(options->postgresql, &why))
        self->session = pgsession_new(&session, &why);
    if (self->session != NULL && !pgsession_wait_ready(self->session)) {
        why = *pgsession_problem(self->session);
        close_session(self);
    }
    return self->session != NULL ||
           problem_set(&self->problem, "cannot use PostgreSQL as journal: %s", why.text);
}

static bool database_open(void *database, const struct journal_options *options, uint64_t *seq,
                          struct problem *note)
{
    struct database *self = database;

    (void)note;
    if (self->session != NULL) {
        pgsession_set_timeout(self->session, (int64_t)options->commit_timeout * US_PER_SECOND);
        return true;
    }
    if (!connect_first(self, options))
        return false;
    raise_seq(self, seq);
    return true;
}

static bool database_close(void *database, uint64_t seq)
{
    struct database *self = database;

    (void)seq;
    close_session(self);
    return true;
}

static void database_free(void *database)
{
    struct database *self = database;

    close_session(self);
    for (size_t at = 0; at < COLUMNS; at++)
        array_free(&self->columns[at]);
    free(self);
}

const struct backend postgresql_backend = {
    .open = database_open,
    .close = database_close,
    .free = database_free,
    .append = append,
    .size = size,
    .commit = commit,
    .tend = tend,
    .wait = wait_of,
    .is_lost = is_lost,
    .can_commit = can_commit,
    .problem = problem,
    .seq_max = INT64_MAX,
};

#else

static bool database_open(void *database, const struct journal_options *options, uint64_t *seq,
                          struct problem *note)
{
    (void)options;
    (void)seq;
    (void)note;
    return problem_set(database, "this tcpackd was built without libpq, PostgreSQL's library");
}

static const struct problem *database_problem(const void *database)
{
    return database;
}

void *postgresql_new(void)
{
    return calloc(1, sizeof(struct problem));
}

/* The configuration refuses `postgresql`, too. */
const struct backend postgresql_backend = {
    .open = database_open, .free = free, .problem = database_problem};

#endif
