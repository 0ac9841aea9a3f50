#include "server/journal/file.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "server/journal/lock.h"
#include "server/journal/open_file.h"
#include "server/journal/seq.h"
#include "server/journal/torn.h"
#include "server/process/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A larger batch buffer is freed after its commit: a huge message must not hold memory. */
enum { BATCH_KEPT_MAX = 8 * 1024 * 1024 }; /* bytes */

struct file {
    struct open_file file;
    struct journal_seq numbers; /* FILE.seq */
    char *path;
    bool lost; /* its path leads to another file, or to none */
    enum journal_format format;
    bool sync;
    struct buffer batch;
    uint64_t seq;           /* of the last record, including the batch that is committed */
    uint64_t committed_seq; /* of the last record in the file */
    int64_t sync_us;        /* duration of the last commit's fdatasync(); -1: not called */
    struct torn torn;
    bool stopped; /* JOURNAL_STOPPED: the last record in the pipe may be unfinished */
    struct problem problem;
    struct problem *note; /* for a warning, while the file is opened */
};

void *file_new(void)
{
    struct file *self = calloc(1, sizeof *self);

    if (self != NULL) {
        self->file.fd = -1;
        journal_seq_init(&self->numbers);
    }
    return self;
}

static void file_free(void *file)
{
    struct file *self = file;

    open_file_close(&self->file);
    journal_seq_drop(&self->numbers);
    buffer_free(&self->batch);
    free(self->path);
    free(self);
}

static bool cut_back(struct file *self)
{
    return torn_cut(&self->torn, self->file.fd, self->path, &self->problem);
}

/*
 * Whether the file has a name, or never had one. A failed fstat() counts as yes: the batch is in
 * the file, and its numbers must not be given again. But ESTALE: it was deleted on an NFS server.
 */
static bool has_name(const struct file *self)
{
    struct stat status;

    if (!self->file.named)
        return true;
    return fstat(self->file.fd, &status) == 0 ? status.st_nlink > 0 : errno != ESTALE;
}

static bool is_lost(const void *file)
{
    const struct file *self = file;

    return self->lost || !has_name(self);
}

/* Whether the server uses the FILE.seq of `path` and therefore knows the last SEQ. */
static bool holds_seq(const struct file *self, const char *path)
{
    return self->numbers.path != NULL && strcmp(self->numbers.path, path) == 0;
}

/* Opens standard output as *file; fd -1: it is open already. */
static bool open_standard_output(struct file *self, struct open_file *file)
{
    if (!self->file.borrowed || self->file.fd < 0)
        return open_file_standard_output(file, &self->problem);
    *file = (struct open_file){.fd = -1};
    if (has_name(self))
        return true;
    return problem_set(&self->problem,
                       "the file at standard output was deleted (restart the server)");
}

/* False if the open file has records of another format than `options`. */
static bool keeps_format(struct file *self, const struct journal_options *options)
{
    struct stat status = {0};
    bool filled = self->file.regular ? fstat(self->file.fd, &status) != 0 || status.st_size > 0
                                     : self->file.borrowed && self->committed_seq > 0;

    if (self->format == options->format || !filled)
        return true;
    return problem_set(
        &self->problem,
        "cannot change format of journal %s: it has records of the other format (rename "
        "it; tcpackd will create a new one)",
        self->path);
}

/* Opens the file that `options` name as *file; fd -1: it is open already. */
static bool open_named(struct file *self, const struct journal_options *options,
                       struct open_file *file)
{
    bool opened = strcmp(options->file, "-") == 0
                      ? open_standard_output(self, file)
                      : open_file_at(file, options, holds_seq(self, options->file), &self->file,
                                     &self->problem);

    return opened && (file->fd >= 0 || keeps_format(self, options));
}

/* Reserves numbers in the FILE.seq of `path`: the journal `file`, whose last SEQ is `last`. */
static bool reserve(struct file *self, const char *path, const struct open_file *file,
                    uint64_t last, bool synced)
{
    struct journal_seq_note note = {.inode = file->inode,
                                    .from = file->committed > 0 ? 0 : last,
                                    .last = last,
                                    .synced = synced};
    uint64_t needed = self->seq > last ? self->seq : last; /* including the batch */

    journal_seq_boot(note.boot);
    return journal_seq_reserve(&self->numbers, path, needed, note, &self->problem);
}

/*
 * Writes the last SEQ to FILE.seq. A failure is only a note: the reserved number is still in the
 * file.
 */
static void finish_numbers(struct file *self, struct journal_seq *numbers)
{
    if (!journal_seq_finish(numbers, self->seq, &self->problem))
        *self->note = self->problem;
}

/* Changes to the FILE.seq of `file`, which `options` name. */
static bool replace_numbers(struct file *self, const struct journal_options *options,
                            const struct open_file *file)
{
    struct journal_seq before = self->numbers;
    uint64_t seq = file->last_seq > self->seq ? file->last_seq : self->seq;

    if (!file->regular || file->borrowed) {
        finish_numbers(self, &self->numbers);
        return true;
    }
    bool held = holds_seq(self, options->file);
    if (!held)
        journal_seq_init(&self->numbers);
    if (reserve(self, options->file, file, seq, options->sync)) {
        if (!held)
            finish_numbers(self, &before);
        return true;
    }
    if (held) { /* the previous reservation holds for any file at this path */
        *self->note = self->problem;
        return true;
    }
    journal_seq_drop(&self->numbers);
    self->numbers = before;
    return false;
}

static void replace_journal(struct file *self, const struct open_file *file)
{
    if (file->fd < 0)
        return;
    (void)cut_back(self); /* what is torn has its numbers, and its failure was reported */
    self->torn = (struct torn){0};
    open_file_close(&self->file);
    self->file = *file;
    if (file->regular && !journal_lock_take(file->fd, file->committed)) {
        /* The lock is lost only if both were one file with two names. */
    }
    if (file->last_seq > self->seq)
        self->seq = file->last_seq;
    self->committed_seq = self->seq;
}

/* After a failed reopening: the journal is lost unless its path still leads to its file. */
static void judge_path(struct file *self)
{
    if (self->file.named && !self->file.borrowed && !open_file_is_at(&self->file, self->path))
        self->lost = true;
}

static bool open_all(struct file *self, const struct journal_options *options,
                     struct open_file *file)
{
    if (!open_named(self, options, file))
        return false;
    if (replace_numbers(self, options, file->fd >= 0 ? file : &self->file))
        return true;
    open_file_close(file);
    return false;
}

static bool open_journal_file(struct file *self, const struct journal_options *options)
{
    struct open_file file;
    char *path = strdup(strcmp(options->file, "-") == 0 ? "standard output" : options->file);

    if (path == NULL || !open_all(self, options, &file)) {
        if (path == NULL)
            problem_set(&self->problem, "cannot open journal %s: %s", options->file,
                        strerror(errno));
        free(path);
        judge_path(self);
        return false;
    }
    if (file.fd >= 0 && file.note.text[0] != '\0')
        *self->note = file.note;
    replace_journal(self, &file);
    free(self->path);
    self->path = path;
    self->format = options->format;
    self->sync = options->sync;
    self->lost = false;
    return true;
}

/* Whether to repeat a write() that failed with errno. False with errno; ECANCELED: told to stop. */
static bool may_try_again(const struct file *self)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN || self->file.regular)
        return false;
    if (signals_wait_writable(stream_descriptor(&self->file.stream)))
        return true;
    errno = ECANCELED;
    return false;
}

/*
 * Writes the batch and returns the number of bytes written; fewer than all: with errno. After a
 * short write it writes again, which writes the rest or gives the reason (one write() takes at most
 * 2 GiB).
 */
static size_t write_batch(const struct file *self)
{
    size_t written = 0;

    while (written < self->batch.size) {
        ssize_t count = stream_write(&self->file.stream, self->batch.bytes + written,
                                     self->batch.size - written);
        if (count < 0 && may_try_again(self))
            continue;
        if (count == 0)
            errno = EIO; /* no known system returns 0 for a write of some bytes */
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    return written;
}

/* Notes that the last write() left `written` bytes. False with self->problem set. */
static bool note_torn(struct file *self, size_t written)
{
    return torn_note(&self->torn, self->file.fd, written, self->seq, self->path, &self->problem);
}

/* A part of the batch may be in the pipe, so nothing may be acknowledged after it. */
static enum journal_result stop(struct file *self)
{
    self->stopped = true;
    problem_set(&self->problem,
                "cannot write journal %s: it took no more data until the server was told to stop",
                self->path);
    return JOURNAL_STOPPED;
}

/*
 * Cuts off the `written` bytes of the batch. self->problem has the reason, which stays unless
 * cutting fails. Then the records may be copied before they are cut off, and keep their numbers,
 * for the next server, too.
 */
static enum journal_result refuse(struct file *self, size_t written)
{
    const struct problem why = self->problem;

    if (!note_torn(self, written))
        return JOURNAL_BROKEN;
    if (cut_back(self)) {
        self->problem = why;
        return JOURNAL_REFUSED;
    }
    struct problem ignored; /* what is reported is that the file cannot be cut back */
    return journal_seq_written(&self->numbers, self->seq, &ignored) ? JOURNAL_UNKNOWN
                                                                    : JOURNAL_BROKEN;
}

/* Handles a write that took only `written` bytes of the batch. */
static enum journal_result give_up(struct file *self, size_t written)
{
    bool gone = errno == EPIPE || errno == EBADF || errno == EIO;

    if (errno == ECANCELED)
        return stop(self);
    problem_set(&self->problem, "cannot write journal %s: %s", self->path, strerror(errno));
    if (!self->file.regular)
        return gone || written > 0 ? JOURNAL_BROKEN : JOURNAL_REFUSED;
    return refuse(self, written);
}

/*
 * Repeats fdatasync() only if it was interrupted, which is not a failure. After a failure the
 * kernel may have dropped the data and report success the next time.
 */
static bool sync_file(struct file *self)
{
    int64_t begin = clock_monotonic_us();

    while (fdatasync(self->file.fd) != 0)
        if (errno != EINTR)
            return false;
    self->sync_us = clock_monotonic_us() - begin;
    return true;
}

/* Lets readers see what is committed: everything up to the end of the last write(). */
static void show_committed(struct file *self)
{
    off_t end = self->file.regular ? lseek(self->file.fd, 0, SEEK_CUR) : -1;

    if (end >= 0)
        journal_lock_move(self->file.fd, &self->file.committed, end);
}

/*
 * After a failed sync: the batch can be read back but may never reach the disk. The next server
 * must not find it: what it appended and acknowledged would be lost with the batch when the power
 * fails.
 */
static enum journal_result take_back_unsynced(struct file *self)
{
    struct problem problem;

    problem_set(&problem, "cannot sync journal %s: %s", self->path, strerror(errno));
    /* If the batch stays, its numbers do, too; the failed sync is what is reported. */
    if (note_torn(self, self->batch.size) && cut_back(self) &&
        !journal_seq_written(&self->numbers, self->committed_seq, &self->problem)) {
        /* A LAST that is too high skips numbers, and gives none twice. */
    }
    self->problem = problem;
    return JOURNAL_BROKEN;
}

static enum journal_result write_and_sync(struct file *self)
{
    self->sync_us = -1;
    if (self->stopped)
        return JOURNAL_STOPPED;
    if (!cut_back(self))
        return JOURNAL_REFUSED;
    size_t written = write_batch(self);
    if (written < self->batch.size)
        return give_up(self, written);
    if (!journal_seq_written(&self->numbers, self->seq, &self->problem))
        return refuse(self, self->batch.size);
    if (self->sync && self->file.regular && !sync_file(self))
        return take_back_unsynced(self);
    show_committed(self);
    return JOURNAL_COMMITTED;
}

/* Reserves more numbers if the batch uses more than were reserved. */
static bool reserve_more(struct file *self)
{
    return self->numbers.path == NULL || self->seq <= self->numbers.reserved ||
           reserve(self, self->numbers.path, &self->file, self->committed_seq, self->sync);
}

static enum journal_result refuse_lost(struct file *self, const char *why)
{
    self->lost = true;
    problem_set(&self->problem, "journal %s %s", self->path, why);
    return JOURNAL_REFUSED;
}

/* Checks the file's name last: if the file lost it before the write, the batch is gone. */
static enum journal_result commit_batch(struct file *self)
{
    if (self->lost)
        return refuse_lost(self, "is no longer at its path");
    if (!reserve_more(self))
        return JOURNAL_REFUSED;
    enum journal_result result = write_and_sync(self);
    if (result != JOURNAL_COMMITTED)
        return result;
    if (!has_name(self))
        return refuse_lost(self, "was deleted, and its records are lost");
    return JOURNAL_COMMITTED;
}

static bool file_open(void *file, const struct journal_options *options, uint64_t *seq,
                      struct problem *note)
{
    struct file *self = file;

    self->note = note;
    self->seq = self->committed_seq = *seq;
    bool opened = open_journal_file(self, options);
    *seq = self->seq;
    return opened;
}

static bool file_close(void *file, uint64_t seq)
{
    struct file *self = file;

    /* Torn records that stay in the file keep their numbers. */
    bool noted =
        journal_seq_finish(&self->numbers, cut_back(self) ? seq : self->torn.seq, &self->problem);
    open_file_close(&self->file); /* now another server may have it */
    return noted;
}

static bool append(void *file, const struct record *record)
{
    struct file *self = file;

    return record_append(self->format, record, &self->batch);
}

static size_t size(const void *file)
{
    const struct file *self = file;

    return self->batch.size;
}

static enum journal_result commit(void *file, const struct backend_batch *batch, int64_t *sync_us)
{
    struct file *self = file;

    self->seq = batch->last;
    self->committed_seq = batch->first - 1;
    enum journal_result result = commit_batch(self);
    *sync_us = self->sync_us;
    self->batch.size = 0;
    if (self->batch.capacity > BATCH_KEPT_MAX)
        buffer_free(&self->batch);
    return result;
}

static bool can_commit(const void *file)
{
    return !is_lost(file);
}

static int64_t file_size(const void *file)
{
    const struct file *self = file;
    struct stat status;

    if (!self->file.regular || fstat(self->file.fd, &status) != 0)
        return -1;
    return (int64_t)status.st_size;
}

static const struct problem *file_problem(const void *file)
{
    const struct file *self = file;

    return &self->problem;
}

const struct backend file_backend = {
    .open = file_open,
    .close = file_close,
    .free = file_free,
    .append = append,
    .size = size,
    .commit = commit,
    .is_lost = is_lost,
    .can_commit = can_commit,
    .file_size = file_size,
    .problem = file_problem,
    .seq_max = UINT64_MAX,
};
