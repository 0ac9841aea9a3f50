/*
 * pgconnection.h: a connection to PostgreSQL at one of several hosts: connecting, and one statement
 * at a time. libpq's non-blocking calls; nothing here waits but pgconnection_init().
 *
 * Only pgsession.c uses this part, which knows what is said there, and judges hosts and answers.
 * Without libpq there is none.
 */
#ifndef TCPACK_SERVER_JOURNAL_PGCONNECTION_H
#define TCPACK_SERVER_JOURNAL_PGCONNECTION_H

#include "common/compiler.h"
#include "common/problem.h"
#include "server/journal/pghosts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef HAVE_LIBPQ

#include <libpq-fe.h>

enum { PGCONNECTION_NAME_BYTES = 64 }; /* of an application_name, with the NUL */

struct pgconnection {
    char *conninfo;
    int64_t timeout_us;                 /* for connecting to a host, and for a statement */
    char name[PGCONNECTION_NAME_BYTES]; /* application_name, if the connection string has none */
    struct pghosts hosts;
    size_t host;     /* that is tried next, or is connected */
    size_t attempts; /* hosts of this turn that were tried in vain */
    int64_t backoff_us;
    PGconn *libpq;                     /* NULL: not connected, not connecting */
    PostgresPollingStatusType polling; /* while it connects */
    bool connecting;
    bool unsent;            /* a part of the statement is in libpq's buffer */
    PGresult *result;       /* of the statement under way: its last one, or its first error */
    bool warned;            /* the server sent a warning; the user of this part sets it back */
    bool told;              /* the server said why it closes the connection */
    int64_t due;            /* the end of what is under way, or the next attempt; INT64_MAX: none */
    struct problem problem; /* what the last failure was: one line */
    struct problem tried;   /* what was wrong with the hosts of this turn */
};

/* Whether `conninfo` can be used: libpq understands it, and no password is in it. Pure. */
bool pgconnection_check(const char *conninfo, struct problem *problem) MUST_USE;

/*
 * Finds the hosts of `conninfo`, which is copied, and looks their names up (pglookup.h). False: see
 * *problem, and nothing is to be freed.
 */
bool pgconnection_init(struct pgconnection *connection, const char *conninfo, int64_t timeout_us,
                       struct problem *problem) MUST_USE;

/* Disconnects, too. */
void pgconnection_free(struct pgconnection *connection);

enum pgconnection_event {
    PGCONNECTION_NOTHING,   /* not yet, or not with this host: the next one is due at once */
    PGCONNECTION_CONNECTED, /* pgconnection_ready() or pgconnection_refuse() must follow */
    PGCONNECTION_FAILED,    /* every host was tried in vain: the next attempt is due later */
};

/* Begins to connect, if that is due, or goes on with it. */
enum pgconnection_event pgconnection_proceed(struct pgconnection *connection) MUST_USE;

/* This host cannot be used, for the reason in `problem`. */
enum pgconnection_event pgconnection_refuse(struct pgconnection *connection) MUST_USE;

/* This host is good: nothing is due, and the next loss is not the last one going on. */
void pgconnection_ready(struct pgconnection *connection);

/* The connection is lost or given up: connecting is due at once, first to another host. */
void pgconnection_lose(struct pgconnection *connection);

/* Whether what is under way has taken longer than it may. `problem` says so. */
bool pgconnection_is_late(struct pgconnection *connection) MUST_USE;

/* Hands a statement to libpq. pgconnection_receive() finds out if that failed. */
void pgconnection_send(struct pgconnection *connection, const char *statement);

/* The same with parameters of a prepared statement, as PQsendQueryPrepared(3) takes them. */
void pgconnection_send_prepared(struct pgconnection *connection, const char *name, int count,
                                const char *const *values, const int *lengths, const int *formats);

enum pgconnection_received {
    PGCONNECTION_PART,
    PGCONNECTION_ALL, /* of the answer, in `result`; or, without a statement, nothing */
    PGCONNECTION_LOST,
};

/* Sends what is unsent, and takes the results that are there. */
enum pgconnection_received pgconnection_receive(struct pgconnection *connection) MUST_USE;

/* Whether the answer is an error, or there is none. */
bool pgconnection_is_error(const struct pgconnection *connection);

/* The text in the answer's only row and column; NULL: it is NULL, or there is no row. */
const char *pgconnection_value(const struct pgconnection *connection);

/* Sets `problem`: to `what` about this host. */
void pgconnection_note(struct pgconnection *connection, const char *what);

/* Sets `problem`: to the error, or to why the connection is lost, in the server's words or libpq's.
 */
void pgconnection_note_error(struct pgconnection *connection);

#endif

#endif
