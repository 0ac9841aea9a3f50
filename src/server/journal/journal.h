/*
 * journal.h: where messages are recorded. The server appends the records of a round to a batch and
 * commits it with one write() and, where `sync` says so, one fdatasync(); only then may it answer.
 *
 * The journal is a regular file, a character device such as /dev/null, or standard output ("-").
 * Sync, the lock, the search for the last record and cutting back are for regular files. Another
 * program can read the file while it is written: the lock says how much is committed
 * (journal_lock.h). A pipe that takes no more is waited for, until SIGTERM or SIGINT comes.
 *
 * Nothing here logs: journal_problem() and journal_note() give the text of what happened last.
 */
#ifndef TCPACK_SERVER_JOURNAL_JOURNAL_H
#define TCPACK_SERVER_JOURNAL_JOURNAL_H

#include "common/compiler.h"
#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_options {
    const char *file; /* "-": standard output; copied */
    enum journal_format format;
    bool sync;
    unsigned mode; /* permissions of a file that is made */
};

struct journal;

/* A journal that has no file yet; journal_free() it. NULL with errno ENOMEM. */
struct journal *journal_new(void) MUST_USE;

/* Closes the file and drops a batch that was not committed. NULL is allowed. */
void journal_free(struct journal *journal);

/*
 * Opens the journal; or, if it is open, goes over to what `options` say: a file of that name that
 * is another one than before (logrotate), another format. There must be no batch. SEQ goes on from
 * the last record of the file and what its FILE.seq says (journal_seq.h), or from where this
 * journal was, whichever is later. What a crash left unfinished is cut. False: see
 * journal_problem(); a journal that was open stays as it was, but is lost if its path does not lead
 * to it any more. Refused, untouched: a file that does not end with records, one with records of
 * another format, or one that another process has locked. Standard output is locked, too, where it
 * is a file, but not looked at.
 */
bool journal_open(struct journal *journal, const struct journal_options *options) MUST_USE;

/*
 * Whether the journal is lost: the file has no name any more, so that nothing will be left of it;
 * or it could not be opened again after it was renamed. Nothing is committed then, until
 * journal_open() succeeds.
 */
bool journal_is_lost(const struct journal *journal) MUST_USE;

/*
 * To be called when the server stops: notes in FILE.seq how far SEQ got and closes the file: only
 * journal_free() may follow. False: see journal_problem().
 */
bool journal_close(struct journal *journal) MUST_USE;

/*
 * Appends a record to the batch; `listener` is "" or a name. Its SEQ goes to *seq. False: nothing
 * was appended, and journal_problem() says why: "out of memory", or "no SEQ is left".
 */
bool journal_append(struct journal *journal, const char *peer, const char *listener,
                    const void *message, size_t size, uint64_t *seq) MUST_USE;

/* The time that the records of this batch bear: RECORD_TIME_LENGTH bytes (record.h) and a NUL. */
const char *journal_time(const struct journal *journal);

struct journal_batch {
    size_t size;            /* bytes of its records */
    uint64_t messages;      /* records */
    uint64_t message_bytes; /* of their messages */
};

/* What was appended since the last commit. */
struct journal_batch journal_batch(const struct journal *journal);

/* Microseconds that fdatasync() took in the last commit; negative where there was none. */
int64_t journal_sync_us(const struct journal *journal);

/* SEQ of the last record of the batch or, where the batch is empty, of the journal; 0: none. */
uint64_t journal_seq(const struct journal *journal);

enum journal_result {
    JOURNAL_COMMITTED, /* every record of the batch is recorded; an empty batch always is */
    JOURNAL_REFUSED,   /* none is (disk full, lost...): the file is as before, SEQ too; go on */
    JOURNAL_BROKEN, /* what is recorded is unknown (fdatasync failed, standard output gone): stop */
    JOURNAL_STOPPED, /* nobody read the pipe until SIGTERM or SIGINT came: none is acknowledged, a
                      * part may be in the pipe, and no batch will be committed any more: stop */
};

/* Writes the batch and empties it, whatever the result. journal_problem() says what went wrong. */
enum journal_result journal_commit(struct journal *journal) MUST_USE;

/* What the last function that failed says, one line; valid until the next call. */
const char *journal_problem(const struct journal *journal);

/* What the last journal_open() has to say though it succeeded, "": nothing. */
const char *journal_note(const struct journal *journal);

#endif
