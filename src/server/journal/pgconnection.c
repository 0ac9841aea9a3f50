#include "server/journal/pgconnection.h"

#ifdef HAVE_LIBPQ

#include "common/clock.h"
#include "server/journal/pglookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKOFF_MIN_US = 100 * 1000,
    BACKOFF_MAX_US = 2 * 1000 * 1000,
    LATE_BYTES = 64, /* hold the text about it */
};

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

/* In words that name the host, if it concerns one. */
static void note(struct pgconnection *connection, const char *what)
{
    problem_set(&connection->problem, "%s", what);
    make_one_line(&connection->problem);
}

void pgconnection_note(struct pgconnection *connection, const char *what)
{
    const PGconn *libpq = connection->libpq;
    const char *host = libpq == NULL ? NULL : PQhost(libpq);
    const char *port = libpq == NULL ? NULL : PQport(libpq);

    problem_set(&connection->problem, "host \"%s\", port %s: %s", host == NULL ? "" : host,
                port == NULL ? "" : port, what);
    make_one_line(&connection->problem);
}

static void note_result(struct pgconnection *connection, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    struct problem text;

    if (message == NULL) {
        note(connection, PQerrorMessage(connection->libpq));
        return;
    }
    problem_set(&text, "%s%s%s%s%s%s", message, detail == NULL ? "" : " (",
                detail == NULL ? "" : detail, detail == NULL ? "" : ")",
                hint == NULL ? "" : "; hint: ", hint == NULL ? "" : hint);
    pgconnection_note(connection, text.text);
}

/* What the server says beside results: warnings, and why it ends an idle session. */
static void heard(void *context, const PGresult *result)
{
    struct pgconnection *connection = context;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool warned = severity != NULL && strcmp(severity, "WARNING") == 0;
    bool told =
        severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);

    if (warned || told)
        note_result(connection, result);
    connection->warned = connection->warned || warned;
    connection->told = connection->told || told;
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
static bool find_hosts(struct pgconnection *connection)
{
    const char *const keywords[] = {"dbname", "target_session_attrs", NULL};
    const char *const values[] = {connection->conninfo, "none", NULL};
    PGconn *libpq = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *options = PQconninfo(libpq);
    bool found =
        options != NULL && pghosts_set(&connection->hosts, value_of(options, "host"),
                                       value_of(options, "hostaddr"), value_of(options, "port"));

    PQconninfoFree(options);
    PQfinish(libpq);
    return found;
}

static void drop_result(struct pgconnection *connection)
{
    PQclear(connection->result);
    connection->result = NULL;
}

/* Not to be called while libpq must wait to send: PQfinish() tries to say good-bye, once. */
static void disconnect(struct pgconnection *connection)
{
    drop_result(connection);
    PQfinish(connection->libpq);
    connection->libpq = NULL;
    connection->connecting = false;
    connection->unsent = false;
    connection->told = false;
}

static void connect_host(struct pgconnection *connection)
{
    const struct pghost *host = &connection->hosts.all[connection->host];

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
    const char *const values[] = {"10",       "5",           "3",        connection->conninfo,
                                  host->name, host->address, host->port, connection->name,
                                  NULL};
    connection->connecting = true;
    connection->polling = PGRES_POLLING_WRITING; /* as PQconnectStart(3) says */
    connection->due = clock_monotonic_us() + connection->timeout_us;
    connection->libpq = PQconnectStartParams(keywords, values, 1);
    if (connection->libpq != NULL)
        (void)PQsetNoticeReceiver(connection->libpq, heard, connection);
}

/* Adds the problem to those of the hosts that were tried before in this turn. */
static void add_tried(struct pgconnection *connection)
{
    if (connection->tried.text[0] == '\0')
        connection->tried = connection->problem;
    else
        problem_set(&connection->tried, "%s; %s", connection->tried.text, connection->problem.text);
}

/* A new turn, at once, through all hosts. */
static void begin_turn(struct pgconnection *connection)
{
    connection->attempts = 0;
    connection->tried.text[0] = '\0';
    connection->due = 0;
}

enum pgconnection_event pgconnection_refuse(struct pgconnection *connection)
{
    disconnect(connection);
    add_tried(connection);
    connection->host = (connection->host + 1) % connection->hosts.count;
    connection->due = 0;
    if (++connection->attempts < connection->hosts.count)
        return PGCONNECTION_NOTHING;
    connection->problem = connection->tried;
    begin_turn(connection);
    connection->due = clock_monotonic_us() + connection->backoff_us;
    connection->backoff_us *= 2;
    if (connection->backoff_us > BACKOFF_MAX_US)
        connection->backoff_us = BACKOFF_MAX_US;
    return PGCONNECTION_FAILED;
}

void pgconnection_lose(struct pgconnection *connection)
{
    disconnect(connection);
    connection->host = (connection->host + 1) % connection->hosts.count;
    begin_turn(connection);
}

void pgconnection_ready(struct pgconnection *connection)
{
    connection->due = INT64_MAX;
    connection->backoff_us = BACKOFF_MIN_US;
}

bool pgconnection_is_late(struct pgconnection *connection)
{
    char text[LATE_BYTES];

    if (connection->libpq == NULL || clock_monotonic_us() < connection->due)
        return false;
    (void)snprintf(text, sizeof text, "no answer within commit_timeout = %lld s",
                   (long long)(connection->timeout_us / 1000000));
    pgconnection_note(connection, text);
    return true;
}

static enum pgconnection_event go_on_connecting(struct pgconnection *connection)
{
    if (connection->libpq == NULL) {
        note(connection, "out of memory");
        return pgconnection_refuse(connection);
    }
    if (PQstatus(connection->libpq) != CONNECTION_BAD)
        connection->polling = PQconnectPoll(connection->libpq);
    else
        connection->polling = PGRES_POLLING_FAILED;
    if (connection->polling == PGRES_POLLING_OK && PQsetnonblocking(connection->libpq, 1) == 0) {
        connection->connecting = false;
        return PGCONNECTION_CONNECTED;
    }
    if (connection->polling == PGRES_POLLING_READING ||
        connection->polling == PGRES_POLLING_WRITING)
        return PGCONNECTION_NOTHING;
    note(connection, PQerrorMessage(connection->libpq));
    return pgconnection_refuse(connection);
}

enum pgconnection_event pgconnection_proceed(struct pgconnection *connection)
{
    if (connection->libpq == NULL) {
        if (clock_monotonic_us() < connection->due)
            return PGCONNECTION_NOTHING;
        connect_host(connection);
    }
    enum pgconnection_event event = go_on_connecting(connection);
    return event == PGCONNECTION_NOTHING && pgconnection_is_late(connection)
               ? pgconnection_refuse(connection)
               : event;
}

/* ----------------------------------------------------------------------- one statement at a time
 */

/* After a statement was handed to libpq, or could not be: pgconnection_receive() finds out. */
static void sent(struct pgconnection *connection)
{
    drop_result(connection);
    connection->due = clock_monotonic_us() + connection->timeout_us;
    connection->unsent = PQflush(connection->libpq) != 0;
}

void pgconnection_send(struct pgconnection *connection, const char *statement)
{
    if (PQsendQuery(connection->libpq, statement) == 0) {
        /* The connection is lost; or it is out of memory, and no result comes. */
    }
    sent(connection);
}

void pgconnection_send_prepared(struct pgconnection *connection, const char *name, int count,
                                const char *const *values, const int *lengths, const int *formats)
{
    if (PQsendQueryPrepared(connection->libpq, name, count, values, lengths, formats, 0) == 0) {
        /* As above. */
    }
    sent(connection);
}

bool pgconnection_is_error(const struct pgconnection *connection)
{
    ExecStatusType status = PQresultStatus(connection->result); /* NULL is one */

    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
}

enum pgconnection_received pgconnection_receive(struct pgconnection *connection)
{
    PGconn *libpq = connection->libpq;

    connection->unsent = PQflush(libpq) == 1;
    bool failed = PQstatus(libpq) != CONNECTION_OK || PQconsumeInput(libpq) == 0;
    while (PQisBusy(libpq) == 0) {
        PGresult *result = PQgetResult(libpq);
        if (result == NULL)
            return failed || PQstatus(libpq) != CONNECTION_OK ? PGCONNECTION_LOST
                                                              : PGCONNECTION_ALL;
        if (connection->result == NULL || !pgconnection_is_error(connection)) {
            drop_result(connection);
            connection->result = result;
        } else {
            PQclear(result);
        }
    }
    return failed ? PGCONNECTION_LOST : PGCONNECTION_PART;
}

void pgconnection_note_error(struct pgconnection *connection)
{
    if (connection->result != NULL && pgconnection_is_error(connection))
        note_result(connection, connection->result);
    else if (!connection->told)
        note(connection, PQerrorMessage(connection->libpq));
}

const char *pgconnection_value(const struct pgconnection *connection)
{
    const PGresult *result = connection->result;

    return PQntuples(result) == 0 || PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0);
}

/* ------------------------------------------------------------------------------------ the options
 */

bool pgconnection_init(struct pgconnection *connection, const char *conninfo, int64_t timeout_us,
                       struct problem *problem)
{
    *connection = (struct pgconnection){
        .conninfo = strdup(conninfo), .timeout_us = timeout_us, .backoff_us = BACKOFF_MIN_US};
    if (gethostname(connection->name, sizeof connection->name - 1) != 0 ||
        connection->name[0] == '\0')
        (void)snprintf(connection->name, sizeof connection->name, "tcpackd");
    if (connection->conninfo == NULL || !find_hosts(connection))
        problem_set(problem, "%s", strerror(ENOMEM));
    else if (pglookup(&connection->hosts, problem))
        return true;
    pgconnection_free(connection);
    return false;
}

void pgconnection_free(struct pgconnection *connection)
{
    disconnect(connection);
    pghosts_free(&connection->hosts);
    free(connection->conninfo);
}

bool pgconnection_check(const char *conninfo, struct problem *problem)
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

#endif
