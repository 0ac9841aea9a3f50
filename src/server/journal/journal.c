#include "server/journal/journal.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/problem.h"
#include "common/record.h"
#include "server/journal/file.h"
#include "server/journal/lock.h"
#include "server/journal/postgresql.h"
#include "server/journal/seq.h"
#include "server/process/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A larger batch buffer is freed after its commit: a huge message must not hold memory. */
enum { BATCH_KEPT_MAX = 8 * 1024 * 1024 }; /* bytes */

struct journal {
    struct postgresql *database; /* NULL: the journal is a file */
    struct journal_file file;
    struct journal_seq numbers; /* FILE.seq */
    char *path;
    bool lost; /* its path leads to another file, or to none */
    enum journal_format format;
    bool sync;
    struct buffer batch;
    uint64_t messages;       /* in the batch */
    uint64_t message_bytes;  /* bytes of these */
    uint64_t seq;            /* of the last record, including the batch */
    uint64_t committed_seq;  /* of the last record in the file */
    struct record_time time; /* of the batch */
    int64_t sync_us;         /* duration of the last commit's fdatasync(); -1: not called */
    int64_t begun_us;        /* when the pending commit began; 0: none is pending */
    /* What a failed write left at the end of the file, to be cut off; equal: nothing. */
    off_t torn_begin;
    off_t torn_end;
    uint64_t torn_seq; /* the last number in it */
    bool stopped;      /* JOURNAL_STOPPED: the last record in the pipe may be unfinished */
    struct problem problem;
    struct problem note;
};

struct journal *journal_new(void)
{
    struct journal *journal = calloc(1, sizeof *journal);

    if (journal != NULL) {
        journal->file.fd = -1;
        journal_seq_init(&journal->numbers);
    }
    return journal;
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    postgresql_free(journal->database);
    journal_file_close(&journal->file);
    journal_seq_drop(&journal->numbers);
    buffer_free(&journal->batch);
    free(journal->path);
    free(journal);
}

/*
 * Cuts off what a failed write left at the end of the file, and nothing else: the file may have
 * changed since. If it fails, it can be tried again.
 */
static bool cut_back(struct journal *journal)
{
    struct stat status;

    if (journal->torn_begin == journal->torn_end)
        return true;
    if (fstat(journal->file.fd, &status) != 0)
        return problem_set(&journal->problem, "cannot examine journal %s: %s", journal->path,
                           strerror(errno));
    if (status.st_size > journal->torn_end)
        return problem_set(&journal->problem,
                           "cannot cut an unfinished record off journal %s: another program has "
                           "written after it (rename the file and send HUP)",
                           journal->path);
    /* It may have been cut by hand, or the file emptied (copytruncate). */
    off_t end = status.st_size < journal->torn_begin ? status.st_size : journal->torn_begin;
    /* The position matters if standard output was not opened for appending. */
    if (lseek(journal->file.fd, end, SEEK_SET) < 0 || ftruncate(journal->file.fd, end) != 0)
        return problem_set(&journal->problem, "cannot cut back journal %s: %s", journal->path,
                           strerror(errno));
    journal->torn_begin = journal->torn_end = 0;
    return true;
}

/*
 * Whether the file has a name, or never had one. A failed fstat() counts as yes: the batch is in
 * the file, and its numbers must not be given again.
 */
static bool has_name(const struct journal *journal)
{
    struct stat status;

    return !journal->file.named || fstat(journal->file.fd, &status) != 0 || status.st_nlink > 0;
}

bool journal_is_lost(const struct journal *journal)
{
    return journal->lost || !has_name(journal);
}

/* Whether the server uses the FILE.seq of `path` and therefore knows the last SEQ. */
static bool holds_seq(const struct journal *journal, const char *path)
{
    return journal->numbers.path != NULL && strcmp(journal->numbers.path, path) == 0;
}

/* Opens standard output as *file; fd -1: it is open already. */
static bool open_standard_output(struct journal *journal, struct journal_file *file)
{
    if (!journal->file.borrowed || journal->file.fd < 0)
        return journal_file_standard_output(file, &journal->problem);
    *file = (struct journal_file){.fd = -1};
    if (has_name(journal))
        return true;
    return problem_set(&journal->problem,
                       "the file at standard output was deleted (restart the server)");
}

/* False if the open file has records of another format than `options`. */
static bool keeps_format(struct journal *journal, const struct journal_options *options)
{
    struct stat status = {0};
    bool filled = journal->file.regular
                      ? fstat(journal->file.fd, &status) != 0 || status.st_size > 0
                      : journal->file.borrowed && journal->committed_seq > 0;

    if (journal->format == options->format || !filled)
        return true;
    return problem_set(
        &journal->problem,
        "cannot change format of journal %s: it has records of the other format (rename "
        "it; tcpackd will create a new one)",
        journal->path);
}

/* Opens the file that `options` name as *file; fd -1: it is open already. */
static bool open_file(struct journal *journal, const struct journal_options *options,
                      struct journal_file *file)
{
    bool opened = strcmp(options->file, "-") == 0
                      ? open_standard_output(journal, file)
                      : journal_file_open(file, options, holds_seq(journal, options->file),
                                          &journal->file, &journal->problem);

    return opened && (file->fd >= 0 || keeps_format(journal, options));
}

/* Reserves numbers in the FILE.seq of `path`: the journal `file`, whose last SEQ is `last`. */
static bool reserve(struct journal *journal, const char *path, const struct journal_file *file,
                    uint64_t last, bool synced)
{
    struct journal_seq_note note = {.inode = file->inode,
                                    .from = file->committed > 0 ? 0 : last,
                                    .last = last,
                                    .synced = synced};
    uint64_t needed = journal->seq > last ? journal->seq : last; /* including the batch */

    journal_seq_boot(note.boot);
    return journal_seq_reserve(&journal->numbers, path, needed, note, &journal->problem);
}

/*
 * Writes the last SEQ to FILE.seq. A failure is only a note: the reserved number is still in the
 * file.
 */
static void finish_numbers(struct journal *journal, struct journal_seq *numbers)
{
    if (!journal_seq_finish(numbers, journal->seq, &journal->problem))
        journal->note = journal->problem;
}

/* Changes to the FILE.seq of `file`, which `options` name. */
static bool replace_numbers(struct journal *journal, const struct journal_options *options,
                            const struct journal_file *file)
{
    struct journal_seq before = journal->numbers;
    uint64_t seq = file->last_seq > journal->seq ? file->last_seq : journal->seq;

    if (!file->regular || file->borrowed) {
        finish_numbers(journal, &journal->numbers);
        return true;
    }
    bool held = holds_seq(journal, options->file);
    if (!held)
        journal_seq_init(&journal->numbers);
    if (reserve(journal, options->file, file, seq, options->sync)) {
        if (!held)
            finish_numbers(journal, &before);
        return true;
    }
    if (held) /* the previous reservation holds for any file at this path */
        journal->note = journal->problem;
    journal->numbers = before;
    return held;
}

static void replace_journal(struct journal *journal, const struct journal_file *file)
{
    if (file->fd < 0)
        return;
    /* The old file keeps the torn records, and so their numbers; the failed write was reported. */
    if (!cut_back(journal))
        journal->seq = journal->torn_seq;
    journal->torn_begin = journal->torn_end = 0;
    journal_file_close(&journal->file);
    journal->file = *file;
    if (file->regular && !journal_lock_take(file->fd, file->committed)) {
        /* The lock is lost only if both were one file with two names. */
    }
    if (file->last_seq > journal->seq)
        journal->seq = file->last_seq;
    journal->committed_seq = journal->seq;
}

/* After a failed reopening: the journal is lost unless its path still leads to its file. */
static void judge_path(struct journal *journal)
{
    if (journal->file.named && !journal->file.borrowed &&
        !journal_file_is_at(&journal->file, journal->path))
        journal->lost = true;
}

static bool open_all(struct journal *journal, const struct journal_options *options,
                     struct journal_file *file)
{
    if (!open_file(journal, options, file))
        return false;
    if (replace_numbers(journal, options, file->fd >= 0 ? file : &journal->file))
        return true;
    journal_file_close(file);
    return false;
}

static bool names_database(const struct journal_options *options)
{
    return options->postgresql != NULL && *options->postgresql != '\0';
}

/* What the database has can be more than this journal knows of: it was another session's. */
static void take_last_seq(struct journal *journal)
{
    if (postgresql_last_seq(journal->database) > journal->seq)
        journal->seq = postgresql_last_seq(journal->database);
    journal->committed_seq = journal->seq;
}

/* One that is open stays what it is; so does a file. */
static bool open_database(struct journal *journal, const struct journal_options *options)
{
    if (journal->database != NULL)
        postgresql_change(journal->database, options);
    if (journal->lost)
        return problem_set(&journal->problem, "a journal in PostgreSQL needs a restart");
    if (journal->database != NULL || journal->path != NULL)
        return true;
    journal->database = postgresql_open(options, &journal->problem);
    if (journal->database == NULL)
        return false;
    take_last_seq(journal);
    return true;
}

bool journal_check(const struct journal_options *options, struct problem *problem)
{
    struct journal_options examining = *options;

    if (!names_database(options))
        return true;
    examining.examine_only = true;
    struct postgresql *database = postgresql_open(&examining, problem);
    postgresql_free(database);
    return database != NULL;
}

static bool open_journal_file(struct journal *journal, const struct journal_options *options)
{
    struct journal_file file;
    char *path = strdup(strcmp(options->file, "-") == 0 ? "standard output" : options->file);

    if (path == NULL || !open_all(journal, options, &file)) {
        if (path == NULL)
            problem_set(&journal->problem, "cannot open journal %s: %s", options->file,
                        strerror(errno));
        free(path);
        judge_path(journal);
        return false;
    }
    if (file.fd >= 0 && file.note.text[0] != '\0')
        journal->note = file.note;
    replace_journal(journal, &file);
    free(journal->path);
    journal->path = path;
    journal->format = options->format;
    journal->sync = options->sync;
    journal->lost = false;
    return true;
}

bool journal_open(struct journal *journal, const struct journal_options *options)
{
    journal->note.text[0] = '\0';
    return journal->database != NULL || names_database(options)
               ? open_database(journal, options)
               : open_journal_file(journal, options);
}

bool journal_can_commit(const struct journal *journal)
{
    return journal->database != NULL ? postgresql_can_commit(journal->database)
                                     : !journal_is_lost(journal);
}

struct journal_wait journal_wait(const struct journal *journal)
{
    return journal->database != NULL ? postgresql_wait(journal->database)
                                     : (struct journal_wait){.fd = -1, .due = INT64_MAX};
}

enum journal_event journal_tend(struct journal *journal)
{
    if (journal->database == NULL)
        return JOURNAL_NO_EVENT;
    enum journal_event event = postgresql_tend(journal->database);
    if (event == JOURNAL_AWAY)
        journal->problem = *postgresql_problem(journal->database);
    if (event == JOURNAL_BACK)
        take_last_seq(journal);
    return event;
}

bool journal_close(struct journal *journal)
{
    postgresql_free(journal->database);
    journal->database = NULL;
    /* Torn records that stay in the file keep their numbers. */
    uint64_t last = cut_back(journal) ? journal->committed_seq : journal->torn_seq;
    bool noted = journal_seq_finish(&journal->numbers, last, &journal->problem);

    journal_file_close(&journal->file); /* now another server may have it */
    return noted;
}

bool journal_append(struct journal *journal, const char *peer, const char *listener,
                    const void *message, size_t size, uint64_t *seq)
{
    if (journal->seq == (journal->database != NULL ? (uint64_t)INT64_MAX : UINT64_MAX))
        return problem_set(&journal->problem, "no SEQ is left");
    if (journal->messages == 0)
        record_time_set(&journal->time, clock_wall_us());
    const struct record record = {
        .seq = journal->seq + 1,
        .time = journal->time.text,
        .peer = peer,
        .listener = listener,
        .message = message,
        .size = size,
    };
    if (!(journal->database != NULL ? postgresql_append(journal->database, &record)
                                    : record_append(journal->format, &record, &journal->batch)))
        return problem_set(&journal->problem, "out of memory");
    *seq = ++journal->seq;
    journal->messages++;
    journal->message_bytes += size;
    return true;
}

const char *journal_time(const struct journal *journal)
{
    return journal->time.text;
}

struct journal_batch journal_batch(const struct journal *journal)
{
    size_t size =
        journal->database != NULL ? postgresql_size(journal->database) : journal->batch.size;

    return (struct journal_batch){size, journal->messages, journal->message_bytes};
}

int64_t journal_sync_us(const struct journal *journal)
{
    return journal->sync_us;
}

uint64_t journal_seq(const struct journal *journal)
{
    return journal->seq;
}

int64_t journal_size(const struct journal *journal)
{
    struct stat status;

    if (!journal->file.regular || fstat(journal->file.fd, &status) != 0)
        return -1;
    return (int64_t)status.st_size;
}

/* Whether to repeat a write() that failed with errno. False with errno; ECANCELED: told to stop. */
static bool may_try_again(const struct journal *journal)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN || journal->file.regular)
        return false;
    if (signals_wait_writable(stream_descriptor(&journal->file.stream)))
        return true;
    errno = ECANCELED;
    return false;
}

/*
 * Writes the batch and returns the number of bytes written; fewer than all: with errno. After a
 * short write it writes again, which writes the rest or gives the reason (one write() takes at most
 * 2 GiB).
 */
static size_t write_batch(const struct journal *journal)
{
    size_t written = 0;

    while (written < journal->batch.size) {
        ssize_t count = stream_write(&journal->file.stream, journal->batch.bytes + written,
                                     journal->batch.size - written);
        if (count < 0 && may_try_again(journal))
            continue;
        if (count == 0)
            errno = EIO; /* no known system returns 0 for a write of some bytes */
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    return written;
}

/* Notes that the last write() left `written` bytes. False with journal->problem set. */
static bool note_torn(struct journal *journal, size_t written)
{
    if (written == 0)
        return true;
    off_t end =
        lseek(journal->file.fd, 0, SEEK_CUR); /* after them, also when appending: write(2) */
    if (end < 0)
        return problem_set(&journal->problem, "cannot examine journal %s: %s", journal->path,
                           strerror(errno));
    journal->torn_end = end;
    journal->torn_begin = end - (off_t)written;
    journal->torn_seq = journal->seq;
    return true;
}

/* A part of the batch may be in the pipe, so nothing may be acknowledged after it. */
static enum journal_result stop(struct journal *journal)
{
    journal->stopped = true;
    problem_set(&journal->problem,
                "cannot write journal %s: it took no more data until the server was told to stop",
                journal->path);
    return JOURNAL_STOPPED;
}

/* Handles a write that took only `written` bytes of the batch. */
static enum journal_result give_up(struct journal *journal, size_t written)
{
    bool gone = errno == EPIPE || errno == EBADF || errno == EIO;

    if (errno == ECANCELED)
        return stop(journal);
    problem_set(&journal->problem, "cannot write journal %s: %s", journal->path, strerror(errno));
    if (!journal->file.regular)
        return gone || written > 0 ? JOURNAL_BROKEN : JOURNAL_REFUSED;
    const struct problem why = journal->problem;
    if (!note_torn(journal, written))
        return JOURNAL_BROKEN;
    if (cut_back(journal))
        journal->problem = why;
    return JOURNAL_REFUSED;
}

/*
 * Repeats fdatasync() only if it was interrupted, which is not a failure. After a failure the
 * kernel may have dropped the data and report success the next time.
 */
static bool sync_file(struct journal *journal)
{
    int64_t begin = clock_monotonic_us();

    while (fdatasync(journal->file.fd) != 0)
        if (errno != EINTR)
            return false;
    journal->sync_us = clock_monotonic_us() - begin;
    return true;
}

/* Lets readers see what is committed: everything up to the end of the last write(). */
static void show_committed(struct journal *journal)
{
    off_t end = journal->file.regular ? lseek(journal->file.fd, 0, SEEK_CUR) : -1;

    if (end >= 0)
        journal_lock_move(journal->file.fd, &journal->file.committed, end);
}

/*
 * After a failed sync: the batch can be read back but may never reach the disk. The next server
 * must not find it: what it appended and acknowledged would be lost with the batch when the power
 * fails.
 */
static enum journal_result take_back_unsynced(struct journal *journal)
{
    struct problem problem;

    problem_set(&problem, "cannot sync journal %s: %s", journal->path, strerror(errno));
    /* If the batch stays, its numbers do, too; the failed sync is what is reported. */
    if (note_torn(journal, journal->batch.size) && cut_back(journal))
        journal_seq_written(&journal->numbers, journal->committed_seq);
    journal->problem = problem;
    return JOURNAL_BROKEN;
}

static enum journal_result write_and_sync(struct journal *journal)
{
    journal->sync_us = -1;
    if (journal->stopped)
        return JOURNAL_STOPPED;
    if (!cut_back(journal))
        return JOURNAL_REFUSED;
    size_t written = write_batch(journal);
    if (written < journal->batch.size)
        return give_up(journal, written);
    journal_seq_written(&journal->numbers, journal->seq);
    if (journal->sync && journal->file.regular && !sync_file(journal))
        return take_back_unsynced(journal);
    show_committed(journal);
    return JOURNAL_COMMITTED;
}

/* Reserves more numbers if the batch uses more than were reserved. */
static bool reserve_more(struct journal *journal)
{
    return journal->numbers.path == NULL || journal->seq <= journal->numbers.reserved ||
           reserve(journal, journal->numbers.path, &journal->file, journal->committed_seq,
                   journal->sync);
}

static enum journal_result refuse_lost(struct journal *journal, const char *why)
{
    journal->lost = true;
    problem_set(&journal->problem, "journal %s %s", journal->path, why);
    return JOURNAL_REFUSED;
}

/* Checks the file's name last: if the file lost it before the write, the batch is gone. */
static enum journal_result commit_batch(struct journal *journal)
{
    if (journal->lost)
        return refuse_lost(journal, "is no longer at its path");
    if (!reserve_more(journal))
        return JOURNAL_REFUSED;
    enum journal_result result = write_and_sync(journal);
    if (result != JOURNAL_COMMITTED)
        return result;
    if (!has_name(journal))
        return refuse_lost(journal, "was deleted, and its records are lost");
    return JOURNAL_COMMITTED;
}

/* One step of a transaction. */
static enum journal_result commit_to_database(struct journal *journal)
{
    int64_t now = clock_monotonic_us();

    if (journal->begun_us == 0)
        journal->begun_us = now;
    enum journal_result result =
        postgresql_commit(journal->database, journal->committed_seq + 1, journal->time.text);
    if (result == JOURNAL_PENDING)
        return result;
    if (result != JOURNAL_COMMITTED)
        journal->problem = *postgresql_problem(journal->database);
    journal->sync_us = clock_monotonic_us() - journal->begun_us;
    journal->begun_us = 0;
    postgresql_clear(journal->database);
    return result;
}

enum journal_result journal_commit(struct journal *journal)
{
    if (journal->messages == 0)
        return JOURNAL_COMMITTED;
    enum journal_result result =
        journal->database != NULL ? commit_to_database(journal) : commit_batch(journal);
    if (result == JOURNAL_PENDING)
        return result;
    if (result == JOURNAL_COMMITTED || result == JOURNAL_UNKNOWN)
        journal->committed_seq = journal->seq;
    else
        journal->seq = journal->committed_seq;
    journal->batch.size = 0;
    journal->messages = journal->message_bytes = 0;
    if (journal->batch.capacity > BATCH_KEPT_MAX)
        buffer_free(&journal->batch);
    return result;
}

const char *journal_problem(const struct journal *journal)
{
    return journal->problem.text;
}

const char *journal_note(const struct journal *journal)
{
    return journal->note.text;
}
