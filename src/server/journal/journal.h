/*
 * journal.h: where messages are recorded. The server appends the records of a round to a batch and
 * commits the batch. Only then may it acknowledge the messages.
 *
 * The journal is either of two things. A file: a commit is one write() and, if `sync` is set, one
 * fdatasync(). A table in PostgreSQL (postgresql.h): a commit is one transaction, for which the
 * server must not wait: journal_commit() returns JOURNAL_PENDING, and is called again when
 * journal_wait() says.
 *
 * The file is a regular file, a character device such as /dev/null, or standard output ("-").
 * Sync, the lock, the search for the last record and cutting back apply to regular files only.
 * Other programs can read the file while it is written: the lock tells them how much is committed
 * (lock.h). If a pipe is full, a commit waits until there is room, or until SIGTERM or SIGINT.
 *
 * This part does not log. journal_problem() and journal_note() return the text of what happened
 * last.
 */
#ifndef TCPACK_SERVER_JOURNAL_JOURNAL_H
#define TCPACK_SERVER_JOURNAL_JOURNAL_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_options {
    const char *file; /* "-": standard output; copied */
    enum journal_format format;
    bool sync;
    unsigned mode; /* permissions of a new file */

    const char *postgresql;  /* connection string, copied; NULL or "": the journal is `file` */
    unsigned replicas;       /* synchronous standbys that must have a batch, too */
    uint64_t commit_timeout; /* seconds */
    bool examine_only;       /* set by journal_check() */
};

struct journal;

/* A journal without a file; the caller frees it with journal_free(). NULL with errno ENOMEM. */
struct journal *journal_new(void) MUST_USE;

/* Closes the file and drops an uncommitted batch. NULL is allowed. */
void journal_free(struct journal *journal);

/*
 * Opens the journal. If it is open already, changes to what `options` name: another file at the
 * same path (after logrotate), another path, another format. The batch must be empty.
 *
 * SEQ continues after the last record of the file, after the number in FILE.seq (seq.h), or after
 * the last SEQ of this journal, whichever is highest. An unfinished record that a crash left is
 * cut off.
 *
 * Waits for a database, up to commit_timeout for each of its hosts. Once the journal is open, only
 * commit_timeout of a database can change; other options, and the other kind of journal, have no
 * effect.
 *
 * False: journal_problem() has the reason. A journal that was open stays as it was, but is lost if
 * its path no longer leads to it. A file is refused and left untouched if it does not end with
 * records, if its records have another format, or if another process has locked it. A file at
 * standard output is locked but not examined.
 */
bool journal_open(struct journal *journal, const struct journal_options *options) MUST_USE;

/*
 * Whether the database of `options` can be the journal: connects, and leaves it as it was. True for
 * a file, which is not examined.
 */
bool journal_check(const struct journal_options *options, struct problem *problem) MUST_USE;

/*
 * Whether the journal is lost: the file no longer has a name, so its contents will vanish; or it
 * was renamed and could not be opened again. Nothing is committed until journal_open() succeeds.
 */
bool journal_is_lost(const struct journal *journal) MUST_USE;

/* Whether a commit can succeed: the file is not lost, the database is connected. */
bool journal_can_commit(const struct journal *journal) MUST_USE;

/* What the journal waits for. For a file: nothing. */
struct journal_wait {
    int fd;      /* -1: none; a call of journal_commit() or journal_tend() may close it */
    bool read;   /* when it can be read */
    bool write;  /* when it can be written */
    int64_t due; /* or then: microseconds, monotonic; INT64_MAX: never */
};

struct journal_wait journal_wait(const struct journal *journal);

enum journal_event {
    JOURNAL_NO_EVENT,
    JOURNAL_AWAY, /* the database is lost, or could not be reached again: journal_problem() */
    JOURNAL_BACK, /* it is connected again */
};

/*
 * To be called when journal_wait() says so and no commit is under way: notices that the database is
 * lost, and connects again, without waiting. After JOURNAL_AWAY, journal_commit() must come before
 * the next call, if there is a batch.
 */
enum journal_event journal_tend(struct journal *journal) MUST_USE;

/*
 * For the end of the server: writes the last SEQ to FILE.seq and closes the file. Only
 * journal_free() may follow. False: journal_problem() has the reason.
 */
bool journal_close(struct journal *journal) MUST_USE;

/*
 * Appends a record to the batch and stores its SEQ in *seq. `listener` is a name or "". False:
 * nothing was appended, and journal_problem() is "out of memory" or "no SEQ is left".
 */
bool journal_append(struct journal *journal, const char *peer, const char *listener,
                    const void *message, size_t size, uint64_t *seq) MUST_USE;

/* The TIME of the records in this batch: RECORD_TIME_LENGTH bytes (record.h) and a NUL. */
const char *journal_time(const struct journal *journal);

struct journal_batch {
    size_t size;            /* bytes of its records */
    uint64_t messages;      /* number of records */
    uint64_t message_bytes; /* bytes of their messages */
};

/* The records appended since the last commit, or since the one began that is pending. */
struct journal_batch journal_batch(const struct journal *journal);

/* The batch of that commit. */
struct journal_batch journal_committed(const struct journal *journal);

/* Microseconds that fdatasync() or the transaction took in the last commit; negative: no sync. */
int64_t journal_sync_us(const struct journal *journal);

/* SEQ of the last record, including those of the batch; 0: no record. */
uint64_t journal_seq(const struct journal *journal);

/* Bytes of the open file; negative: it is no regular file. */
int64_t journal_size(const struct journal *journal);

enum journal_result {
    JOURNAL_COMMITTED, /* every record of the batch is recorded; an empty batch always is */
    JOURNAL_REFUSED,   /* none is (disk full, lost...): the file is as before, and SEQ, unless the
                        * next batch has a record; continue */
    JOURNAL_PENDING,   /* the database has not answered yet; call again */
    JOURNAL_UNKNOWN,   /* some may be recorded (the database did not say, the file could not be cut
                        * back): its SEQs are not used again; continue */
    JOURNAL_BROKEN, /* it is unknown what is recorded (fdatasync or standard output failed): stop */
    JOURNAL_STOPPED, /* the pipe stayed full until SIGTERM or SIGINT: acknowledge no record of the
                      * batch, though some may be in the pipe. No batch will be committed: stop */
};

/*
 * Commits the batch, or goes on with the commit that is pending; what is appended meanwhile is of
 * the next batch. If a record is not committed, journal_problem() has the reason.
 */
enum journal_result journal_commit(struct journal *journal) MUST_USE;

/* Why the last function failed: one line, valid until the next call. Owned by the journal. */
const char *journal_problem(const struct journal *journal);

/* A warning of the last successful journal_open(), or "". Owned by the journal. */
const char *journal_note(const struct journal *journal);

#endif
