#include "server/journal/pgsession.h"

#ifdef HAVE_LIBPQ

#include "common/clock.h"
#include "common/descriptors.h"
#include "common/number.h"
#include "server/journal/pghosts.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum {
    SERVER_VERSION_MIN = 110000, /* 11: sha256() */
    BACKOFF_MIN_US = 100 * 1000,
    BACKOFF_MAX_US = 2 * 1000 * 1000,
    STATEMENT_BYTES = 1024,
    NAME_BYTES = 64, /* of an application_name, with the NUL */
};

enum phase {
    PHASE_DOWN,
    PHASE_CONNECTING,
    PHASE_PREPARING, /* a step of `steps` is under way */
    PHASE_READY,
    PHASE_RECORDING,
    PHASE_CHECKING, /* after a commit: did it have to wait for enough standbys? */
};

struct pgsession {
    char *conninfo;
    unsigned replicas;
    int64_t timeout_us;
    bool examine_only;
    char name[NAME_BYTES]; /* application_name, if the connection string has none */
    struct pghosts hosts;
    size_t host;     /* that is tried next, or is connected */
    size_t attempts; /* hosts of this turn that were tried in vain */
    PGconn *connection;
    PostgresPollingStatusType polling; /* in PHASE_CONNECTING */
    enum phase phase;
    size_t step;
    bool unsent;      /* a part of the statement is in libpq's buffer */
    PGresult *result; /* of the statement under way: its last one, or its first error */
    bool warned;      /* the server sent a warning */
    bool told;        /* it said why it closes the connection */
    int64_t due;      /* end of what is under way; PHASE_DOWN: next attempt */
    int64_t backoff_us;
    uint64_t last_seq;
    struct problem problem;
    struct problem tried; /* what was wrong with the hosts of this turn */
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
 * A message that was sent again has a row already, and this transaction must not commit before that
 * row is on the standbys. A transaction that has written nothing waits for nothing: so it writes.
 */
static const char recording[] =
    "PREPARE record (bigint, timestamptz, text[], text[], text[], bigint[], bytea[]) AS"
    " WITH inserted AS ("
    "INSERT INTO tcpack.records (server, seq, time, peer, listener, id, number, message)"
    " SELECT current_setting('application_name'), $1 + at - 1, $2, peer, listener, id, number,"
    " message FROM unnest($3, $4, $5, $6, $7) WITH ORDINALITY"
    " AS sent (peer, listener, id, number, message, at)"
    " ON CONFLICT (id, number, digest) WHERE id IS NOT NULL DO NOTHING RETURNING 1)"
    " SELECT CASE WHEN count(*) < cardinality($3)"
    " THEN pg_logical_emit_message(true, 'tcpackd', '') END FROM inserted";

/* Finds a table, column, index or right that is missing, now and not at the first message. */
static const char rehearsal[] = "EXPLAIN EXECUTE record(1, now(), '{}', '{}', '{}', '{}', '{}')";

/* Held until the session ends. NULL, or what is wrong. */
static const char locking[] =
    "SELECT CASE WHEN NOT pg_try_advisory_lock("
    "hashtextextended('tcpackd ' || current_setting('application_name'), 0))"
    " THEN format('another session records as %s: give each tcpackd an application_name of its own;"
    " if it is a session of this one that was lost, it ends in a minute, or when the standbys are"
    " back', current_setting('application_name')) END";

static const char last_seq[] = "SELECT coalesce(max(seq), 0) FROM tcpack.records"
                               " WHERE server = current_setting('application_name')";

/* ---------------------------------------------------------------------------------- the problem */

/* Joins the lines of libpq and the server. Those that begin with a tab only explain the others. */
static void make_one_line(struct problem *problem)
{
    struct problem lines = *problem;
    char *rest = lines.text;

    problem->text[0] = '\0';
    for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (line[0] != '\t')
            problem_set(problem, "%s%s%s", problem->text, problem->text[0] == '\0' ? "" : "; ",
                        line);
}

static void note(struct pgsession *session, const char *what)
{
    problem_set(&session->problem, "%s", what);
    make_one_line(&session->problem);
}

/* The same with the host that it concerns, if libpq does not say so itself. */
static void note_at_host(struct pgsession *session, const char *what)
{
    const PGconn *connection = session->connection;
    const char *host = connection == NULL ? NULL : PQhost(connection);
    const char *port = connection == NULL ? NULL : PQport(connection);

    problem_set(&session->problem, "host \"%s\", port %s: %s", host == NULL ? "" : host,
                port == NULL ? "" : port, what);
    make_one_line(&session->problem);
}

static void note_result(struct pgsession *session, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    struct problem text;

    if (message == NULL) {
        note(session, PQerrorMessage(session->connection));
        return;
    }
    problem_set(&text, "%s%s%s%s%s%s", message, detail == NULL ? "" : " (",
                detail == NULL ? "" : detail, detail == NULL ? "" : ")",
                hint == NULL ? "" : "; hint: ", hint == NULL ? "" : hint);
    note_at_host(session, text.text);
}

/* What the server says beside results: warnings, and why it ends an idle session. */
static void heard(void *context, const PGresult *result)
{
    struct pgsession *session = context;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool warned = severity != NULL && strcmp(severity, "WARNING") == 0;
    bool told =
        severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);

    if (warned || told)
        note_result(session, result);
    session->warned = session->warned || warned;
    session->told = session->told || told;
}

/* --------------------------------------------------------------------------------- connecting */

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val;
    return NULL;
}

/*
 * What the string, a service file and the environment come to is asked of libpq; an impossible
 * parameter keeps it from connecting.
 */
static bool find_hosts(struct pgsession *session)
{
    const char *const keywords[] = {"dbname", "target_session_attrs", NULL};
    const char *const values[] = {session->conninfo, "none", NULL};
    PGconn *connection = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *options = PQconninfo(connection);
    bool found =
        options != NULL && pghosts_set(&session->hosts, value_of(options, "host"),
                                       value_of(options, "hostaddr"), value_of(options, "port"));

    PQconninfoFree(options);
    PQfinish(connection);
    return found;
}

static void drop_result(struct pgsession *session)
{
    PQclear(session->result);
    session->result = NULL;
}

/* Not to be called while libpq must wait to send: PQfinish() tries to say good-bye, once. */
static void disconnect(struct pgsession *session)
{
    drop_result(session);
    PQfinish(session->connection);
    session->connection = NULL;
    session->phase = PHASE_DOWN;
    session->unsent = false;
    session->told = false;
}

static void connect_host(struct pgsession *session)
{
    const struct pghost *host = &session->hosts.all[session->host];

    /* What is before dbname is a default; what follows it is stronger than the string in it. */
    const char *const keywords[] = {"keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "dbname",
                                    "host",
                                    "hostaddr",
                                    "port",
                                    "fallback_application_name",
                                    NULL};
    const char *const values[] = {"10",       "5",           "3",        session->conninfo,
                                  host->name, host->address, host->port, session->name,
                                  NULL};
    session->phase = PHASE_CONNECTING;
    session->polling = PGRES_POLLING_WRITING; /* as PQconnectStart(3) says */
    session->due = clock_monotonic_us() + session->timeout_us;
    session->connection = PQconnectStartParams(keywords, values, 1);
    if (session->connection != NULL)
        (void)PQsetNoticeReceiver(session->connection, heard, session);
}

/* Adds the problem to those of the hosts that were tried before in this turn. */
static void add_tried(struct pgsession *session)
{
    if (session->tried.text[0] == '\0')
        session->tried = session->problem;
    else
        problem_set(&session->tried, "%s; %s", session->tried.text, session->problem.text);
}

/* A new turn, at once, through all hosts. */
static void begin_turn(struct pgsession *session)
{
    session->attempts = 0;
    session->tried.text[0] = '\0';
    session->due = 0;
}

/* This host is not usable: the next one is tried at once, or all of them after a while. */
static enum pgsession_event try_next(struct pgsession *session)
{
    disconnect(session);
    add_tried(session);
    session->host = (session->host + 1) % session->hosts.count;
    session->due = 0;
    if (++session->attempts < session->hosts.count)
        return PGSESSION_NOTHING;
    session->problem = session->tried;
    begin_turn(session);
    session->due = clock_monotonic_us() + session->backoff_us;
    session->backoff_us *= 2;
    if (session->backoff_us > BACKOFF_MAX_US)
        session->backoff_us = BACKOFF_MAX_US;
    return PGSESSION_FAILED;
}

/* The connection is lost: connect again at once, first to another host. */
static void lose(struct pgsession *session)
{
    disconnect(session);
    session->host = (session->host + 1) % session->hosts.count;
    begin_turn(session);
}

/* ----------------------------------------------------------------------- one statement at a time
 */

/* After a statement was handed to libpq, or could not be: receive() finds out. */
static void sent(struct pgsession *session)
{
    drop_result(session);
    session->unsent = PQflush(session->connection) != 0;
}

static bool is_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
}

enum received { RECEIVED_PART, RECEIVED_ALL, RECEIVED_LOST };

/* Sends what is unsent, and takes the results that are there. */
static enum received receive(struct pgsession *session)
{
    session->unsent = PQflush(session->connection) == 1;
    bool failed =
        PQstatus(session->connection) != CONNECTION_OK || PQconsumeInput(session->connection) == 0;

    while (PQisBusy(session->connection) == 0) {
        PGresult *result = PQgetResult(session->connection);
        if (result == NULL)
            return failed || PQstatus(session->connection) != CONNECTION_OK ? RECEIVED_LOST
                                                                            : RECEIVED_ALL;
        if (session->result == NULL || !is_error(session->result)) {
            drop_result(session);
            session->result = result;
        } else {
            PQclear(result);
        }
    }
    return failed ? RECEIVED_LOST : RECEIVED_PART;
}

/* Says why the connection is lost: the server's last words, or libpq's. */
static void note_loss(struct pgsession *session)
{
    if (session->result != NULL && is_error(session->result))
        note_result(session, session->result);
    else if (!session->told)
        note(session, PQerrorMessage(session->connection));
}

/* The text in the only row and column; NULL: it is NULL, or there is no row. */
static const char *value(const struct pgsession *session)
{
    const PGresult *result = session->result;

    return PQntuples(result) == 0 || PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0);
}

/* ----------------------------------------------------------------------------------- preparing */

/* Whether the answer, in session->result, is good. False: see session->problem. */
typedef bool take_answer(struct pgsession *session);

static bool take_any(struct pgsession *session)
{
    (void)session;
    return true;
}

/* A statement that returns NULL, or what is wrong. */
static bool take_verdict(struct pgsession *session)
{
    const char *wrong = value(session);

    if (wrong == NULL)
        return true;
    note_at_host(session, wrong);
    return false;
}

static bool take_last_seq(struct pgsession *session)
{
    const char *text = value(session);

    if (text != NULL && number_parse(text, 10, 0, INT64_MAX, &session->last_seq))
        return true;
    note_at_host(session, "it does not say the last SEQ");
    return false;
}

/* In the order in which they are done after each connecting. */
static const struct {
    const char *statement; /* a format with `replicas`, up to four times */
    take_answer *take;
    bool examining;   /* also for examine_only */
    const char *hint; /* after an error */
} steps[] = {
    {settings, take_any, true, ""},
    {examination, take_verdict, true, ""},
    {recording, take_any, true, " (postgresql.sql makes the table)"},
    {rehearsal, take_any, true, " (postgresql.sql makes the table and gives the role its rights)"},
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
    if (PQsendQuery(session->connection, statement) == 0) {
        /* receive() sees that the connection is lost. */
    }
    sent(session);
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
    session->due = INT64_MAX;
    session->backoff_us = BACKOFF_MIN_US;
    return PGSESSION_CONNECTED;
}

static enum pgsession_event prepare(struct pgsession *session)
{
    switch (receive(session)) {
    case RECEIVED_PART:
        return PGSESSION_NOTHING;
    case RECEIVED_LOST:
        note_loss(session);
        return try_next(session);
    case RECEIVED_ALL:
        break;
    }
    if (session->result == NULL || is_error(session->result)) {
        note_loss(session);
        problem_set(&session->problem, "%s%s", session->problem.text, steps[session->step].hint);
        return try_next(session);
    }
    return steps[session->step].take(session) ? next_step(session) : try_next(session);
}

static enum pgsession_event connected(struct pgsession *session)
{
    char text[STATEMENT_BYTES];
    int version = PQserverVersion(session->connection);

    if (version < SERVER_VERSION_MIN) {
        (void)snprintf(text, sizeof text, "it is PostgreSQL %s; tcpackd needs 11 or later",
                       PQparameterStatus(session->connection, "server_version"));
        note_at_host(session, text);
        return try_next(session);
    }
    if (PQsetnonblocking(session->connection, 1) != 0) {
        note(session, PQerrorMessage(session->connection));
        return try_next(session);
    }
    session->step = 0;
    send_step(session);
    return PGSESSION_NOTHING;
}

static enum pgsession_event go_on_connecting(struct pgsession *session)
{
    if (session->connection == NULL) {
        note(session, "out of memory");
        return try_next(session);
    }
    if (PQstatus(session->connection) != CONNECTION_BAD)
        session->polling = PQconnectPoll(session->connection);
    else
        session->polling = PGRES_POLLING_FAILED;
    if (session->polling == PGRES_POLLING_OK)
        return connected(session);
    if (session->polling != PGRES_POLLING_FAILED)
        return PGSESSION_NOTHING;
    note(session, PQerrorMessage(session->connection));
    return try_next(session);
}

/* ----------------------------------------------------------------------------------- recording */

void pgsession_record(struct pgsession *session, const struct pgsession_rows *rows)
{
    session->warned = false;
    session->phase = PHASE_RECORDING;
    session->due = clock_monotonic_us() + session->timeout_us;
    if (PQsendQueryPrepared(session->connection, "record", PGSESSION_PARAMETERS, rows->values,
                            rows->lengths, rows->formats, 0) == 0) {
        /* receive() sees that the connection is lost; out of memory, that no result comes. */
    }
    sent(session);
}

/* The connection is lost or given up, with a commit under way. */
static enum pgsession_event lose_commit(struct pgsession *session)
{
    lose(session);
    return PGSESSION_UNKNOWN;
}

/*
 * Whether an error has rolled the transaction back, for certain: not after a warning, nor if an
 * operator intervened (class 57), nor if it ends the session.
 */
static bool is_rolled_back(const struct pgsession *session)
{
    const char *severity = PQresultErrorField(session->result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(session->result, PG_DIAG_SQLSTATE);

    return !session->warned && severity != NULL && strcmp(severity, "ERROR") == 0 &&
           state != NULL && strncmp(state, "57", 2) != 0;
}

static enum pgsession_event end_refused(struct pgsession *session)
{
    note_loss(session);
    if (!is_rolled_back(session))
        return lose_commit(session);
    session->phase = PHASE_READY;
    session->due = INT64_MAX;
    return PGSESSION_REFUSED;
}

/* The server says that it committed, and nothing else. */
static enum pgsession_event end_recorded(struct pgsession *session)
{
    session->phase = PHASE_READY;
    session->due = INT64_MAX;
    return session->warned ? PGSESSION_UNKNOWN : PGSESSION_RECORDED;
}

static void send_check(struct pgsession *session)
{
    char statement[STATEMENT_BYTES];

    (void)snprintf(statement, sizeof statement, standbys_check, session->replicas);
    session->phase = PHASE_CHECKING;
    if (PQsendQuery(session->connection, statement) == 0) {
        /* receive() sees that the connection is lost. */
    }
    sent(session);
}

static enum pgsession_event end_checked(struct pgsession *session)
{
    const char *enough = is_error(session->result) ? NULL : value(session);

    if (enough != NULL && strcmp(enough, "t") == 0)
        return end_recorded(session);
    note_at_host(session, "synchronous_standby_names has changed: a commit did not wait for enough "
                          "standbys");
    return lose_commit(session);
}

static enum pgsession_event record(struct pgsession *session)
{
    switch (receive(session)) {
    case RECEIVED_PART:
        return PGSESSION_NOTHING;
    case RECEIVED_LOST:
        note_loss(session);
        return lose_commit(session);
    case RECEIVED_ALL:
        break;
    }
    if (session->result == NULL) {
        note(session, PQerrorMessage(session->connection));
        return lose_commit(session);
    }
    if (session->phase == PHASE_CHECKING)
        return end_checked(session);
    if (is_error(session->result))
        return end_refused(session);
    if (session->replicas == 0 || session->warned)
        return end_recorded(session);
    send_check(session);
    return PGSESSION_NOTHING;
}

/* --------------------------------------------------------------------------------- the interface
 */

static enum pgsession_event idle(struct pgsession *session)
{
    if (receive(session) != RECEIVED_LOST)
        return PGSESSION_NOTHING;
    note_loss(session);
    lose(session);
    return PGSESSION_FAILED;
}

static enum pgsession_event out_of_time(struct pgsession *session)
{
    char text[STATEMENT_BYTES];

    (void)snprintf(text, sizeof text, "no answer within commit_timeout = %lld s",
                   (long long)(session->timeout_us / 1000000));
    note_at_host(session, text);
    return session->phase == PHASE_RECORDING || session->phase == PHASE_CHECKING
               ? lose_commit(session)
               : try_next(session);
}

enum pgsession_event pgsession_proceed(struct pgsession *session)
{
    enum pgsession_event event = PGSESSION_NOTHING;
    int64_t now = clock_monotonic_us();

    switch (session->phase) {
    case PHASE_DOWN:
        if (now < session->due)
            return PGSESSION_NOTHING;
        connect_host(session);
        event = go_on_connecting(session);
        break;
    case PHASE_CONNECTING:
        event = go_on_connecting(session);
        break;
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
    bool ended = session->phase == PHASE_READY || session->phase == PHASE_DOWN;
    return event == PGSESSION_NOTHING && !ended && now >= session->due ? out_of_time(session)
                                                                       : event;
}

enum pgsession_state pgsession_state(const struct pgsession *session)
{
    switch (session->phase) {
    case PHASE_CONNECTING:
    case PHASE_PREPARING:
        return PGSESSION_CONNECTING;
    case PHASE_READY:
        return PGSESSION_READY;
    case PHASE_RECORDING:
    case PHASE_CHECKING:
        return PGSESSION_RECORDING;
    case PHASE_DOWN:
        break;
    }
    return PGSESSION_DOWN;
}

struct pgsession_wait pgsession_wait(const struct pgsession *session)
{
    struct pgsession_wait wait = {
        .fd = session->connection == NULL ? -1 : PQsocket(session->connection),
        .read = true,
        .write = session->unsent,
        .due = session->due,
    };

    if (session->phase == PHASE_CONNECTING) {
        wait.read = session->polling == PGRES_POLLING_READING;
        wait.write = session->polling == PGRES_POLLING_WRITING;
    }
    return wait;
}

/* Waits for the next step. Without memory for that, it is tried again and again. */
static void wait_once(const struct pgsession *session)
{
    struct pgsession_wait wait = pgsession_wait(session);
    struct descriptor_set read = {0};
    struct descriptor_set write = {0};
    int64_t left = wait.due - clock_monotonic_us();
    struct timeval limit = {.tv_sec = left > 0 ? (time_t)(left / 1000000) : 0,
                            .tv_usec = left > 0 ? (suseconds_t)(left % 1000000) : 0};

    if (wait.fd < 0 ||
        (descriptor_set_grow(&read, wait.fd) && descriptor_set_grow(&write, wait.fd))) {
        if (wait.fd >= 0 && wait.read)
            descriptor_set_add(&read, wait.fd);
        if (wait.fd >= 0 && wait.write)
            descriptor_set_add(&write, wait.fd);
        (void)select(wait.fd + 1, descriptor_set_for_select(&read),
                     descriptor_set_for_select(&write), NULL, &limit); /* it is looked at anyway */
    }
    descriptor_set_free(&read);
    descriptor_set_free(&write);
}

bool pgsession_wait_ready(struct pgsession *session)
{
    enum pgsession_event event;

    while ((event = pgsession_proceed(session)) == PGSESSION_NOTHING)
        wait_once(session);
    return event == PGSESSION_CONNECTED;
}

bool pgsession_check(const char *conninfo, struct problem *problem)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &error);
    bool good = options != NULL;

    if (!good) {
        problem_set(problem, "%s", error == NULL ? "out of memory" : error);
        make_one_line(problem);
    }
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
        if (good && *option->dispchar == '*' && option->val != NULL)
            good = problem_set(problem,
                               "no %s here, where others can read it: use passfile, ~/.pgpass, a "
                               "service file or a certificate",
                               option->keyword);
    PQconninfoFree(options);
    PQfreemem(error);
    return good;
}

struct pgsession *pgsession_new(const struct pgsession_options *options, struct problem *problem)
{
    struct pgsession *session = calloc(1, sizeof *session);

    if (session == NULL || (session->conninfo = strdup(options->conninfo)) == NULL) {
        free(session);
        problem_set(problem, "%s", strerror(ENOMEM));
        return NULL;
    }
    session->replicas = options->replicas;
    session->timeout_us = options->timeout_us;
    session->examine_only = options->examine_only;
    session->backoff_us = BACKOFF_MIN_US;
    if (gethostname(session->name, sizeof session->name - 1) != 0 || session->name[0] == '\0')
        (void)snprintf(session->name, sizeof session->name, "tcpackd");
    if (!find_hosts(session)) {
        problem_set(problem, "%s", strerror(ENOMEM));
        pgsession_free(session);
        return NULL;
    }
    return session;
}

void pgsession_free(struct pgsession *session)
{
    if (session == NULL)
        return;
    disconnect(session);
    pghosts_free(&session->hosts);
    free(session->conninfo);
    free(session);
}

void pgsession_set_timeout(struct pgsession *session, int64_t timeout_us)
{
    session->timeout_us = timeout_us;
}

uint64_t pgsession_last_seq(const struct pgsession *session)
{
    return session->last_seq;
}

const struct problem *pgsession_problem(const struct pgsession *session)
{
    return &session->problem;
}

#endif
