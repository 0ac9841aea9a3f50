#include "server/journal/pgsession.h"

#ifdef HAVE_LIBPQ

#include "common/clock.h"
#include "common/number.h"
#include "server/journal/pgconnection.h"
#include "server/process/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVER_VERSION_MIN = 110000, /* 11: sha256() */
    STATEMENT_BYTES = 1024,
};

enum phase {
    PHASE_DOWN,      /* or connecting */
    PHASE_PREPARING, /* a step of `steps` is under way */
    PHASE_READY,
    PHASE_RECORDING,
    PHASE_CHECKING, /* after a commit: did it have to wait for enough standbys? */
};

struct pgsession {
    struct pgconnection connection;
    unsigned replicas;
    bool examine_only;
    enum phase phase;
    size_t step;
    uint64_t last_seq;
};

/* ------------------------------------------------------------------------------- the statements */

/*
 * What commits mean must not depend on the role, the database, or a change of the server's
 * configuration: settings of the session are stronger. A warning about a commit must be seen. The
 * server must find out by itself that this host is gone, and release the lock.
 */
static const char settings[] =
    "SELECT set_config(wanted.name, wanted.value, false) FROM (VALUES"
    " ('search_path', 'pg_catalog'), ('client_min_messages', 'warning'),"
    " ('standard_conforming_strings', 'on'),"
    " ('synchronous_commit', current_setting('synchronous_commit')),"
    " ('default_transaction_isolation', 'read committed'),"
    " ('statement_timeout', '0'), ('lock_timeout', '0'), ('transaction_timeout', '0'),"
    " ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),"
    " ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'),"
    " ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '20000')) AS wanted (name, value)"
    " JOIN pg_catalog.pg_settings ON pg_settings.name = wanted.name";

/* How many standbys a commit waits for: synchronous_standby_names is `FIRST n (...)`, `ANY n
 * (...)`, `n (...)`, a list, of which the first one counts, or empty.
 */
#define STANDBYS                                                                                   \
    "CASE WHEN current_setting('synchronous_standby_names') ~ '^\\s*$' THEN 0"                     \
    " ELSE coalesce(substring(current_setting('synchronous_standby_names')"                        \
    " FROM '(?i)^\\s*(?:first\\s|any\\s)?\\s*(\\d+)\\s*\\(')::bigint, 1) END"

/* NULL, or what is wrong with the server for so many replicas. */
static const char examination[] =
    "SELECT CASE"
    " WHEN pg_is_in_recovery() THEN"
    " 'this server is a standby (target_session_attrs=read-write finds the primary among several)'"
    " WHEN current_setting('transaction_read_only') = 'on' THEN"
    " 'default_transaction_read_only = on: nothing can be recorded'"
    " WHEN current_setting('synchronous_commit') = 'off' THEN"
    " 'synchronous_commit = off: a commit does not wait for the disk'"
    " WHEN %u > 0 AND current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN"
    " format('synchronous_commit = %%s: a commit does not wait for the disks of standbys,"
    " as replicas = %u needs; set it to on', current_setting('synchronous_commit'))"
    " WHEN " STANDBYS " < %u THEN"
    " format('synchronous_standby_names = ''%%s'': a commit waits for %%s standbys,"
    " not for replicas = %u', current_setting('synchronous_standby_names'), " STANDBYS ")"
    " WHEN current_setting('fsync') = 'off' THEN"
    " 'fsync = off: a commit does not wait for the disk'"
    " WHEN (SELECT relpersistence <> 'p' FROM pg_class WHERE oid = to_regclass('tcpack.records'))"
    " THEN 'table tcpack.records is not logged: a crash of the server would empty it' END";

/* After a commit: whether it waited for enough standbys, or was let go because the list shrank. */
static const char standbys_check[] = "SELECT " STANDBYS " >= %u";

/*
 * In the order of the unique key: two servers that get the same messages in different orders would
 * wait for each other.
 *
 * A message that was sent again has a row already, and this transaction must not commit before that
 * row is on the standbys. A transaction that has written nothing waits for nothing: so it writes.
 */
const char pgsession_recording[] =
    "PREPARE record (bigint, timestamptz, text[], text[], text[], bigint[], bytea[]) AS"
    " WITH inserted AS ("
    "INSERT INTO tcpack.records (server, seq, time, peer, listener, id, number, message)"
    " SELECT current_setting('application_name'), $1 + (at - 1), $2, peer, listener, id, number,"
    " message FROM unnest($3, $4, $5, $6, $7) WITH ORDINALITY"
    " AS sent (peer, listener, id, number, message, at)"
    " ORDER BY id COLLATE \"C\", number"
    " ON CONFLICT (id, number, digest) WHERE id IS NOT NULL DO NOTHING RETURNING 1)"
    " SELECT CASE WHEN count(*) < cardinality($3)"
    " THEN pg_logical_emit_message(true, 'tcpackd', '') END FROM inserted";

/*
 * Finds what is missing, now and not at the first message: a key, a column, a right, or room. Rows
 * with SEQs that nobody reaches and the longest address are inserted and taken back.
 */
static const char rehearsal[] =
    "BEGIN;"
    " EXPLAIN INSERT INTO tcpack.records (server, seq) VALUES ('', 1)"
    " ON CONFLICT (server, seq) DO NOTHING;"
    " EXECUTE record(4611686018427387904, now(), ARRAY["
    "'[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535', ''], ARRAY['tcpackd', NULL],"
    " ARRAY['tcpackd', NULL], ARRAY[9223372036854775807, NULL], ARRAY['\\x00', '\\x00']::bytea[]);"
    " ROLLBACK";

/* Held until the session ends. NULL, or what is wrong. */
static const char locking[] =
    "SELECT CASE WHEN NOT pg_try_advisory_lock("
    "hashtextextended('tcpackd ' || current_setting('application_name'), 0))"
    " THEN format('another session records as %s: give each tcpackd an application_name of its own;"
    " if it is a session of this one that was lost, it ends in a minute, or when the standbys are"
    " back', current_setting('application_name')) END";

static const char last_seq[] = "SELECT coalesce(max(seq), 0) FROM tcpack.records"
                               " WHERE server = current_setting('application_name')";

/* ----------------------------------------------------------------------------------- preparing */

/* This host is not usable: see the connection's problem. */
static enum pgsession_event refuse_host(struct pgsession *session)
{
    session->phase = PHASE_DOWN;
    return pgconnection_refuse(&session->connection) == PGCONNECTION_FAILED ? PGSESSION_FAILED
                                                                            : PGSESSION_NOTHING;
}

/* Whether the answer is good. False: the connection's problem is set. */
typedef bool take_answer(struct pgsession *session);

static bool take_any(struct pgsession *session)
{
    (void)session;
    return true;
}

/* A statement that returns NULL, or what is wrong. */
static bool take_verdict(struct pgsession *session)
{
    const char *wrong = pgconnection_value(&session->connection);

    if (wrong == NULL)
        return true;
    pgconnection_note(&session->connection, wrong);
    return false;
}

static bool take_last_seq(struct pgsession *session)
{
    const char *text = pgconnection_value(&session->connection);

    if (text != NULL && number_parse(text, 10, 0, INT64_MAX, &session->last_seq))
        return true;
    pgconnection_note(&session->connection, "it does not say the last SEQ");
    return false;
}

/* A warning would come with each commit, and be no acknowledgement. */
static bool take_silence(struct pgsession *session)
{
    return !session->connection.warned;
}

/* In the order in which they are done after each connecting. */
static const struct {
    const char *statement; /* a format with `replicas`, up to four times */
    take_answer *take;
    bool examining;   /* also for examine_only */
    const char *hint; /* after an error about the schema */
} steps[] = {
    {settings, take_any, true, ""},
    {examination, take_verdict, true, ""},
    {pgsession_recording, take_any, true, " (postgresql.sql makes the table)"},
    {rehearsal, take_silence, true,
     " (postgresql.sql makes the table and gives the role its rights)"},
    {locking, take_verdict, false, ""},
    {last_seq, take_last_seq, true, " (postgresql.sql gives the role its rights)"},
};

enum { STEPS = sizeof steps / sizeof steps[0] };

static void send_step(struct pgsession *session)
{
    char examining[sizeof examination + STATEMENT_BYTES]; /* with room for four numbers */
    const char *statement = steps[session->step].statement;
    unsigned n = session->replicas;

    (void)snprintf(examining, sizeof examining, examination, n, n, n, n);
    if (statement == examination)
        statement = examining;
    session->phase = PHASE_PREPARING;
    session->connection.warned = false;
    pgconnection_send(&session->connection, statement);
}

/* Goes on with the next step. */
static enum pgsession_event next_step(struct pgsession *session)
{
    do
        session->step++;
    while (session->step < STEPS && session->examine_only && !steps[session->step].examining);
    if (session->step < STEPS) {
        send_step(session);
        return PGSESSION_NOTHING;
    }
    session->phase = PHASE_READY;
    pgconnection_ready(&session->connection);
    return PGSESSION_CONNECTED;
}

static enum pgsession_event begin_preparing(struct pgsession *session)
{
    PGconn *libpq = session->connection.libpq;
    char text[STATEMENT_BYTES];

    if (PQserverVersion(libpq) < SERVER_VERSION_MIN) {
        (void)snprintf(text, sizeof text, "it is PostgreSQL %s; tcpackd needs 11 or later",
                       PQparameterStatus(libpq, "server_version"));
        pgconnection_note(&session->connection, text);
        return refuse_host(session);
    }
    session->step = 0;
    send_step(session);
    return PGSESSION_NOTHING;
}

static enum pgsession_event go_on_connecting(struct pgsession *session)
{
    switch (pgconnection_proceed(&session->connection)) {
    case PGCONNECTION_NOTHING:
        break;
    case PGCONNECTION_CONNECTED:
        return begin_preparing(session);
    case PGCONNECTION_FAILED:
        return PGSESSION_FAILED;
    }
    return PGSESSION_NOTHING;
}

/* Whether an error is about names or rights: class 42. */
static bool is_about_schema(const struct pgsession *session)
{
    const char *state = PQresultErrorField(session->connection.result, PG_DIAG_SQLSTATE);

    return state != NULL && strncmp(state, "42", 2) == 0;
}

static enum pgsession_event prepare(struct pgsession *session)
{
    switch (pgconnection_receive(&session->connection)) {
    case PGCONNECTION_PART:
        return PGSESSION_NOTHING;
    case PGCONNECTION_LOST:
        pgconnection_note_error(&session->connection);
        return refuse_host(session);
    case PGCONNECTION_ALL:
        break;
    }
    if (pgconnection_is_error(&session->connection)) {
        struct problem *problem = &session->connection.problem;
        pgconnection_note_error(&session->connection);
        if (is_about_schema(session))
            problem_set(problem, "%s%s", problem->text, steps[session->step].hint);
        return refuse_host(session);
    }
    return steps[session->step].take(session) ? next_step(session) : refuse_host(session);
}

/* ----------------------------------------------------------------------------------- recording */

void pgsession_record(struct pgsession *session, const struct pgsession_rows *rows)
{
    session->connection.warned = false;
    session->phase = PHASE_RECORDING;
    session->connection.due = clock_monotonic_us() + session->connection.timeout_us;
    pgconnection_send_prepared(&session->connection, "record", PGSESSION_PARAMETERS, rows->values,
                               rows->lengths, rows->formats);
}

/* The connection is lost or given up, with a commit under way. */
static enum pgsession_event lose_commit(struct pgsession *session)
{
    session->phase = PHASE_DOWN;
    pgconnection_lose(&session->connection);
    return PGSESSION_UNKNOWN;
}

/*
 * Whether an error has rolled the transaction back, for certain: not after a warning, nor if an
 * operator intervened (class 57), nor if it ends the session.
 */
static bool is_rolled_back(const struct pgsession *session)
{
    const char *severity =
        PQresultErrorField(session->connection.result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(session->connection.result, PG_DIAG_SQLSTATE);

    return !session->connection.warned && severity != NULL && strcmp(severity, "ERROR") == 0 &&
           state != NULL && strncmp(state, "57", 2) != 0;
}

static enum pgsession_event end_refused(struct pgsession *session)
{
    pgconnection_note_error(&session->connection);
    if (!is_rolled_back(session))
        return lose_commit(session);
    session->phase = PHASE_READY;
    pgconnection_ready(&session->connection);
    return PGSESSION_REFUSED;
}

/* The server says that it committed, and nothing else. */
static enum pgsession_event end_recorded(struct pgsession *session)
{
    session->phase = PHASE_READY;
    pgconnection_ready(&session->connection);
    return session->connection.warned ? PGSESSION_UNKNOWN : PGSESSION_RECORDED;
}

static void send_check(struct pgsession *session)
{
    char statement[STATEMENT_BYTES];

    (void)snprintf(statement, sizeof statement, standbys_check, session->replicas);
    session->phase = PHASE_CHECKING;
    pgconnection_send(&session->connection, statement);
}

static enum pgsession_event end_checked(struct pgsession *session)
{
    bool failed = pgconnection_is_error(&session->connection);
    const char *enough = failed ? NULL : pgconnection_value(&session->connection);

    if (enough != NULL && strcmp(enough, "t") == 0)
        return end_recorded(session);
    if (failed)
        pgconnection_note_error(&session->connection);
    else
        pgconnection_note(&session->connection, "synchronous_standby_names has changed: a commit "
                                                "did not wait for enough standbys");
    return lose_commit(session);
}

static enum pgsession_event record(struct pgsession *session)
{
    switch (pgconnection_receive(&session->connection)) {
    case PGCONNECTION_PART:
        return PGSESSION_NOTHING;
    case PGCONNECTION_LOST:
        pgconnection_note_error(&session->connection);
        return lose_commit(session);
    case PGCONNECTION_ALL:
        break;
    }
    if (session->phase == PHASE_CHECKING)
        return end_checked(session);
    if (pgconnection_is_error(&session->connection))
        return end_refused(session);
    if (session->replicas == 0 || session->connection.warned)
        return end_recorded(session);
    send_check(session);
    return PGSESSION_NOTHING;
}

/* --------------------------------------------------------------------------------- the interface
 */

static enum pgsession_event idle(struct pgsession *session)
{
    if (pgconnection_receive(&session->connection) != PGCONNECTION_LOST)
        return PGSESSION_NOTHING;
    pgconnection_note_error(&session->connection);
    session->phase = PHASE_DOWN;
    pgconnection_lose(&session->connection);
    return PGSESSION_FAILED;
}

enum pgsession_event pgsession_proceed(struct pgsession *session)
{
    bool committing = session->phase == PHASE_RECORDING || session->phase == PHASE_CHECKING;
    enum pgsession_event event = PGSESSION_NOTHING;

    switch (session->phase) {
    case PHASE_DOWN:
        return go_on_connecting(session);
    case PHASE_PREPARING:
        event = prepare(session);
        break;
    case PHASE_READY:
        return idle(session);
    case PHASE_RECORDING:
    case PHASE_CHECKING:
        event = record(session);
        break;
    }
    if (event != PGSESSION_NOTHING || !pgconnection_is_late(&session->connection))
        return event;
    return committing ? lose_commit(session) : refuse_host(session);
}

enum pgsession_state pgsession_state(const struct pgsession *session)
{
    switch (session->phase) {
    case PHASE_DOWN:
    case PHASE_PREPARING:
        break;
    case PHASE_READY:
        return PGSESSION_READY;
    case PHASE_RECORDING:
    case PHASE_CHECKING:
        return PGSESSION_RECORDING;
    }
    return PGSESSION_CONNECTING;
}

struct pgsession_wait pgsession_wait(const struct pgsession *session)
{
    const struct pgconnection *connection = &session->connection;
    struct pgsession_wait wait = {
        .fd = connection->libpq == NULL ? -1 : PQsocket(connection->libpq),
        .read = true,
        .write = connection->unsent,
        .due = connection->due,
    };

    if (connection->connecting) {
        wait.read = connection->polling == PGRES_POLLING_READING;
        wait.write = connection->polling == PGRES_POLLING_WRITING;
    }
    return wait;
}

bool pgsession_wait_ready(struct pgsession *session)
{
    enum pgsession_event event;

    while ((event = pgsession_proceed(session)) == PGSESSION_NOTHING) {
        const struct pgsession_wait wait = pgsession_wait(session);
        if (!signals_wait(wait.fd, wait.read, wait.write, wait.due)) {
            problem_set(&session->connection.problem, "told to stop while connecting");
            return false;
        }
    }
    return event == PGSESSION_CONNECTED;
}

bool pgsession_check(const char *conninfo, struct problem *problem)
{
    return pgconnection_check(conninfo, problem);
}

struct pgsession *pgsession_new(const struct pgsession_options *options, struct problem *problem)
{
    struct pgsession *session = calloc(1, sizeof *session);

    if (session == NULL) {
        problem_set(problem, "%s", strerror(ENOMEM));
        return NULL;
    }
    if (!pgconnection_init(&session->connection, options->conninfo, options->timeout_us, problem)) {
        free(session);
        return NULL;
    }
    session->replicas = options->replicas;
    session->examine_only = options->examine_only;
    return session;
}

void pgsession_free(struct pgsession *session)
{
    if (session == NULL)
        return;
    pgconnection_free(&session->connection);
    free(session);
}

void pgsession_set_timeout(struct pgsession *session, int64_t timeout_us)
{
    session->connection.timeout_us = timeout_us;
}

uint64_t pgsession_last_seq(const struct pgsession *session)
{
    return session->last_seq;
}

const struct problem *pgsession_problem(const struct pgsession *session)
{
    return &session->connection.problem;
}

#endif
