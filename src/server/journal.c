#include "server/journal.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "server/journal_file.h"
#include "server/journal_lock.h"
#include "server/record.h"
#include "server/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A batch buffer beyond this is given back after its commit: one huge message must not stay. */
enum { BATCH_KEPT_MAX = 8 * 1024 * 1024 };

struct journal {
    struct journal_file file;
    char *path;
    enum journal_format format;
    bool sync;
    struct buffer batch;
    uint64_t seq;            /* of the last record, those in the batch too */
    uint64_t committed_seq;  /* of the last record that is in the file */
    struct record_time time; /* of the batch */
    int64_t sync_us;         /* that the last commit's fdatasync() took; -1: there was none */
    off_t torn_begin;        /* with torn_end: what a failed write left at the file's end, and */
    off_t torn_end;          /* must be cut; equal: nothing */
    bool stopped;            /* JOURNAL_STOPPED: a record in the pipe may be unfinished */
    char problem[JOURNAL_TEXT_MAX];
    char note[JOURNAL_TEXT_MAX];
};

struct journal *journal_new(void)
{
    struct journal *journal = calloc(1, sizeof *journal);

    if (journal != NULL)
        journal->file.fd = -1;
    return journal;
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal_file_close(&journal->file);
    buffer_free(&journal->batch);
    free(journal->path);
    free(journal);
}

static bool fail(struct journal *journal, const char *what)
{
    (void)snprintf(journal->problem, sizeof journal->problem, "cannot %s %s: %s", what,
                   journal->path, strerror(errno));
    return false;
}

/*
 * Cuts off what a failed write left behind, and nothing else: the file may have changed since. May
 * be tried again until it succeeds.
 */
static bool cut_back(struct journal *journal)
{
    struct stat status;

    if (journal->torn_begin == journal->torn_end)
        return true;
    if (fstat(journal->file.fd, &status) != 0)
        return fail(journal, "examine journal");
    if (status.st_size > journal->torn_end) {
        (void)snprintf(journal->problem, sizeof journal->problem,
                       "cannot cut an unfinished record off journal %s: another program has "
                       "written behind it (rename the file and send HUP)",
                       journal->path);
        return false;
    }
    /* Somebody may have cut it (by hand) or emptied the file (copytruncate). */
    off_t end = status.st_size < journal->torn_begin ? status.st_size : journal->torn_begin;
    /* The position is for standard output that was not opened for appending. */
    if (lseek(journal->file.fd, end, SEEK_SET) < 0 || ftruncate(journal->file.fd, end) != 0)
        return fail(journal, "cut back journal");
    journal->torn_begin = journal->torn_end = 0;
    return true;
}

/* The file that `options` name, in *file; fd -1 where it is the one that is open. */
static bool open_file(struct journal *journal, const struct journal_options *options,
                      struct journal_file *file)
{
    if (strcmp(options->file, "-") != 0)
        return journal_file_open(file, options->file, (mode_t)options->mode, options->sync,
                                 &journal->file, journal->problem);
    if (!journal->file.borrowed || journal->file.fd < 0)
        return journal_file_standard_output(file, journal->problem);
    *file = (struct journal_file){.fd = -1};
    return true;
}

static void replace_file(struct journal *journal, const struct journal_file *file)
{
    if (file->fd < 0)
        return;
    if (!cut_back(journal)) {
        /* The old file keeps a torn line; it was said when the write failed. */
    }
    journal->torn_begin = journal->torn_end = 0;
    journal_file_close(&journal->file);
    journal->file = *file;
    if (file->regular && !journal_lock_take(file->fd, file->committed)) {
        /* Only where both were one file, by two names, is it a lock that was lost. */
    }
    if (file->last_seq > journal->seq)
        journal->seq = file->last_seq;
    journal->committed_seq = journal->seq;
}

/*
 * Before the journal goes over to a file without records: FILE.seq says where SEQ is, should the
 * server end before there is one. False: see journal_problem().
 */
static bool note_seq_ahead(struct journal *journal, const char *path)
{
    struct stat status;

    if (journal->seq == 0 || strcmp(path, "-") == 0)
        return true;
    if (stat(path, &status) != 0) {
        if (errno != ENOENT)
            return true; /* opening it will say what is wrong */
    } else if (!S_ISREG(status.st_mode) || status.st_size > 0) {
        return true;
    }
    return journal_file_note_seq(path, journal->seq, journal->problem);
}

bool journal_open(struct journal *journal, const struct journal_options *options)
{
    struct journal_file file;
    char *path = strdup(strcmp(options->file, "-") == 0 ? "standard output" : options->file);

    journal->note[0] = '\0';
    if (!note_seq_ahead(journal, options->file))
        memcpy(journal->note, journal->problem, sizeof journal->note);
    if (path == NULL || !open_file(journal, options, &file)) {
        if (path == NULL)
            (void)snprintf(journal->problem, sizeof journal->problem, "cannot open journal %s: %s",
                           options->file, strerror(errno));
        free(path);
        return false;
    }
    if (file.note[0] != '\0')
        memcpy(journal->note, file.note, sizeof journal->note);
    replace_file(journal, &file);
    free(journal->path);
    journal->path = path;
    journal->format = options->format;
    journal->sync = options->sync;
    return true;
}

bool journal_is_deleted(const struct journal *journal)
{
    struct stat status;

    return journal->file.regular && !journal->file.borrowed &&
           fstat(journal->file.fd, &status) == 0 && status.st_nlink == 0;
}

bool journal_close(struct journal *journal)
{
    bool ours = journal->file.regular && !journal->file.borrowed && journal->seq > 0;

    bool noted = !ours || journal_file_note_seq(journal->path, journal->seq, journal->problem);

    journal_file_close(&journal->file); /* now another server may have it */
    return noted;
}

bool journal_append(struct journal *journal, const char *peer, const char *listener,
                    const void *message, size_t size, uint64_t *seq)
{
    if (journal->batch.size == 0)
        record_time_set(&journal->time, clock_wall_us());
    const struct record record = {
        .seq = journal->seq + 1,
        .time = journal->time.text,
        .peer = peer,
        .listener = listener,
        .message = message,
        .size = size,
    };
    if (!record_append(journal->format, &record, &journal->batch))
        return false;
    *seq = ++journal->seq;
    return true;
}

const char *journal_time(const struct journal *journal)
{
    return journal->time.text;
}

size_t journal_batch_size(const struct journal *journal)
{
    return journal->batch.size;
}

int64_t journal_sync_us(const struct journal *journal)
{
    return journal->sync_us;
}

uint64_t journal_seq(const struct journal *journal)
{
    return journal->seq;
}

/* Whether a write() that failed with errno should be tried again; else errno says why not. */
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
 * Writes the whole batch and returns how much of it was written: less than all means that errno
 * says why. A short write is followed by another, which tells the reason or gets the rest done
 * (write() takes no more than 2 GiB at once).
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
            errno = EIO; /* no system does that to a write of some bytes */
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    return written;
}

/* Notes that the last write() left `written` bytes. False: see problem. */
static bool note_torn(struct journal *journal, size_t written)
{
    if (written == 0)
        return true;
    off_t end =
        lseek(journal->file.fd, 0, SEEK_CUR); /* behind them, also when appending: write(2) */
    if (end < 0)
        return fail(journal, "examine journal");
    journal->torn_end = end;
    journal->torn_begin = end - (off_t)written;
    return true;
}

/* A part of the batch may be in the pipe: nothing may follow it that would be acknowledged. */
static enum journal_result stop(struct journal *journal)
{
    journal->stopped = true;
    (void)snprintf(journal->problem, sizeof journal->problem,
                   "cannot write journal %s: it took no more until the server was asked to stop",
                   journal->path);
    return JOURNAL_STOPPED;
}

/* After a write that took only `written` bytes of the batch. */
static enum journal_result give_up(struct journal *journal, size_t written)
{
    bool gone = errno == EPIPE || errno == EBADF || errno == EIO;
    char why[JOURNAL_TEXT_MAX];

    if (errno == ECANCELED)
        return stop(journal);
    (void)fail(journal, "write journal");
    if (!journal->file.regular)
        return gone || written > 0 ? JOURNAL_BROKEN : JOURNAL_REFUSED;
    memcpy(why, journal->problem, sizeof why);
    if (!note_torn(journal, written))
        return JOURNAL_BROKEN;
    if (cut_back(journal))
        memcpy(journal->problem, why, sizeof why);
    return JOURNAL_REFUSED;
}

/*
 * Only an interrupted fdatasync() is tried again: it did not fail. After a failure the kernel may
 * have dropped the data and report success the next time.
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

/* Lets readers see what was committed: everything up to where the last write() ended. */
static void show_committed(struct journal *journal)
{
    off_t end = journal->file.regular ? lseek(journal->file.fd, 0, SEEK_CUR) : -1;

    if (end >= 0)
        journal_lock_move(journal->file.fd, &journal->file.committed, end);
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
    if (journal->sync && journal->file.regular && !sync_file(journal)) {
        (void)fail(journal, "sync journal");
        return JOURNAL_BROKEN;
    }
    show_committed(journal);
    return JOURNAL_COMMITTED;
}

enum journal_result journal_commit(struct journal *journal)
{
    enum journal_result result = JOURNAL_COMMITTED;

    if (journal->batch.size == 0)
        return result;
    result = write_and_sync(journal);
    if (result == JOURNAL_COMMITTED)
        journal->committed_seq = journal->seq;
    else
        journal->seq = journal->committed_seq;
    journal->batch.size = 0;
    if (journal->batch.capacity > BATCH_KEPT_MAX)
        buffer_free(&journal->batch);
    return result;
}

const char *journal_problem(const struct journal *journal)
{
    return journal->problem;
}

const char *journal_note(const struct journal *journal)
{
    return journal->note;
}
