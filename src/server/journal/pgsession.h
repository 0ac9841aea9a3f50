/*
 * pgsession.h: what tcpackd says to PostgreSQL over a connection (pgconnection.h): preparing, and
 * recording. Nothing here waits but pgsession_wait_ready().
 *
 * The session must see every warning, wait for the standbys that `replicas` asks for, and be the
 * only one of its name: pgsession_proceed() arranges and examines that after each connecting, and
 * does not become PGSESSION_READY otherwise.
 */
#ifndef TCPACK_SERVER_JOURNAL_PGSESSION_H
#define TCPACK_SERVER_JOURNAL_PGSESSION_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pgsession_options {
    const char *conninfo; /* libpq's connection string, without a password; copied */
    unsigned replicas;    /* standbys that a commit must wait for */
    int64_t timeout_us;   /* for connecting to a host, and for a commit */
    bool examine_only;    /* do not take the lock that makes it the only one of its name */
};

enum pgsession_state {
    PGSESSION_CONNECTING, /* or preparing; or it tries again when it is due */
    PGSESSION_READY,
    PGSESSION_RECORDING,
};

/* Of what pgsession_proceed() has done. */
enum pgsession_event {
    PGSESSION_NOTHING,
    PGSESSION_CONNECTED, /* READY again: pgsession_last_seq() is new */
    PGSESSION_FAILED,    /* every host was tried in vain, or the connection is lost */
    PGSESSION_RECORDED,  /* the rows are committed, on the standbys too; READY */
    PGSESSION_REFUSED,   /* the transaction was rolled back; READY */
    PGSESSION_UNKNOWN,   /* whether the rows are committed, here or there, is unknown */
};

/* What ends the wait for the session's next step. */
struct pgsession_wait {
    int fd;      /* -1: none */
    bool read;   /* when it can be read */
    bool write;  /* when it can be written */
    int64_t due; /* microseconds, monotonic; INT64_MAX: never */
};

struct pgsession;

/* Whether `conninfo` can be used: libpq understands it, and no password is in it. Pure. */
bool pgsession_check(const char *conninfo, struct problem *problem) MUST_USE;

/* A session that will connect. NULL: see *problem. */
struct pgsession *pgsession_new(const struct pgsession_options *options,
                                struct problem *problem) MUST_USE;

/* Closes the connection. NULL is allowed. */
void pgsession_free(struct pgsession *session);

void pgsession_set_timeout(struct pgsession *session, int64_t timeout_us);

enum pgsession_state pgsession_state(const struct pgsession *session);
struct pgsession_wait pgsession_wait(const struct pgsession *session);

/* Does what can be done without waiting. pgsession_problem() says more about a failure. */
enum pgsession_event pgsession_proceed(struct pgsession *session) MUST_USE;

/* Waits until pgsession_proceed() returns PGSESSION_CONNECTED or PGSESSION_FAILED, or until SIGTERM
 * or SIGINT. Whether it is ready. */
bool pgsession_wait_ready(struct pgsession *session) MUST_USE;

enum { PGSESSION_PARAMETERS = 7 };

/* Parameters of the statement that records, as PQsendQueryPrepared(3) takes them. */
struct pgsession_rows {
    const char *values[PGSESSION_PARAMETERS];
    int lengths[PGSESSION_PARAMETERS];
    int formats[PGSESSION_PARAMETERS]; /* 1: binary */
};

/*
 * Begins to record, when READY: first SEQ, time; arrays of peers, listeners, names, numbers,
 * messages. pgsession_proceed() says how it went.
 */
void pgsession_record(struct pgsession *session, const struct pgsession_rows *rows);

/* How that statement is prepared, as `record`: for measuring what it takes. */
extern const char pgsession_recording[];

/* The highest SEQ recorded under this name, when the session became ready. */
uint64_t pgsession_last_seq(const struct pgsession *session);

/* What the last failure was, one line. */
const struct problem *pgsession_problem(const struct pgsession *session);

#endif
