#include "server/journal/open_file.h"

#include "common/buffer.h"
#include "common/replace_file.h"
#include "server/journal/lock.h"
#include "server/journal/recovery.h"
#include "server/journal/seq.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPENS_MAX = 8, /* how often a file is opened that is renamed before it is taken over */
    BLOCK_SIZE = 16384,
};

/* Why a file is refused that no crash of tcpackd can have left. */
#define FOREIGN_TAIL                                                                               \
    "it does not end with records of tcpackd; the file is untouched "                              \
    "(name another file, move it away, or set aside what is not a record: tcpack-journal "         \
    "--repair)"

static bool identify(struct open_file *file, const char *path, struct problem *problem)
{
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        return problem_set(problem, "cannot examine journal %s: %s", path, strerror(errno));
    file->regular = S_ISREG(status.st_mode);
    file->named = file->regular && status.st_nlink > 0;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    if (!file->regular && !S_ISCHR(status.st_mode) && !file->borrowed)
        return problem_set(problem,
                           "cannot use %s as journal: it is neither a file nor a character device "
                           "(for a pipe, set file = - and redirect standard output)",
                           path);
    return true;
}

/* Locks the file after its committed bytes. Call it again if the lock may have been lost. */
static bool lock(const struct open_file *file, const char *path, struct problem *problem)
{
    if (journal_lock_take(file->fd, file->committed))
        return true;
    if (errno != EAGAIN)
        return problem_set(problem, "cannot lock %s: %s", path, strerror(errno));
    return problem_set(problem, "cannot use %s as journal: another tcpackd is using it", path);
}

/* Moves the lock: all `end` bytes of the file are committed. */
static void note_committed(struct open_file *file, off_t end)
{
    if (end > 0)
        journal_lock_move(file->fd, &file->committed, end);
}

/* Whether an unfinished line precedes the write position of standard output, a regular file. */
static bool line_is_open(bool appending)
{
    /* Standard output itself is often open for writing only. */
    int fd = open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
    off_t end = appending ? lseek(fd, 0, SEEK_END) : lseek(STDOUT_FILENO, 0, SEEK_CUR);
    char last = '\n';

    if (fd < 0)
        return false; /* it cannot be found out */
    if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
        last = '\n'; /* a hole */
    (void)close(fd); /* it was only read */
    return last != '\n';
}

/* Ends a line that a crash left unfinished, so that the first record begins a new line. */
static bool end_line(struct open_file *file, bool appending, struct problem *problem)
{
    bool open = line_is_open(appending);

    if (!lock(file, "standard output", problem)) /* again: line_is_open() closed a descriptor */
        return false;
    if (!open)
        return true;
    if (write(file->fd, "\n", 1) != 1)
        return problem_set(problem, "cannot end the unfinished last line of standard output: %s",
                           strerror(errno));
    problem_set(&file->note,
                "standard output ended with an unfinished line, as after a crash: added a line "
                "end");
    return true;
}

bool open_file_standard_output(struct open_file *file, struct problem *problem)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    *file = (struct open_file){.fd = STDOUT_FILENO, .borrowed = true};
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return problem_set(
            problem, "cannot record on standard output: it is closed, or open for reading only "
                     "(set file in [journal], or redirect it)");
    if (!identify(file, "standard output", problem))
        return false;
    stream_open(&file->stream, STDOUT_FILENO);
    if (!file->regular)
        return true;
    if (!lock(file, "standard output", problem) ||
        !end_line(file, (flags & O_APPEND) != 0, problem))
        return false;
    note_committed(file, lseek(file->fd, 0, (flags & O_APPEND) != 0 ? SEEK_END : SEEK_CUR));
    return true;
}

/* Reads exactly bytes[0..size) at `offset`. False with errno; EIO: the file ends before that. */
static bool read_at(int fd, unsigned char *bytes, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t got = pread(fd, bytes, size, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0)
                errno = EIO;
            return false;
        }
        bytes += got;
        size -= (size_t)got;
        offset += got;
    }
    return true;
}

/* For struct recovery_source: the context points to the descriptor. */
static bool read_source(void *context, unsigned char *bytes, size_t size, off_t offset)
{
    return read_at(*(const int *)context, bytes, size, offset);
}

static bool refuse_foreign(const char *path, struct problem *problem)
{
    return problem_set(problem, "cannot use %s as journal: " FOREIGN_TAIL, path);
}

static void note_cut(struct open_file *file, const char *path, uintmax_t cut, uint64_t salvaged)
{
    problem_set(&file->note, "%s: cut %ju bytes of unfinished records, as after a crash", path,
                cut);
    if (salvaged > 0)
        problem_set(&file->note, "%s; kept %" PRIu64 " whole records after them", file->note.text,
                    salvaged);
}

/* Appends all bytes. False with errno. */
static bool append_all(int fd, const struct buffer *bytes)
{
    for (size_t at = 0; at < bytes->size;) {
        ssize_t written = write(fd, bytes->bytes + at, bytes->size - at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written < 0 ? 0 : (size_t)written;
    }
    return true;
}

/* As fdatasync(), but an interruption by a signal is no failure. */
static bool sync_bytes(int fd)
{
    while (fdatasync(fd) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

/*
 * Cuts the file to `size` bytes and appends some. In between it is synced: another power cut must
 * not leave sectors from before beside new ones.
 */
static bool replace_tail(int fd, off_t size, const struct buffer *bytes)
{
    return ftruncate(fd, size) == 0 &&
           (bytes->size == 0 || (sync_bytes(fd) && append_all(fd, bytes)));
}

/* Cuts off what a crash left unfinished, and appends the whole records that followed it. */
static bool repair(struct open_file *file, const char *path, const struct recovery_source *source,
                   const struct recovery *found, struct problem *problem)
{
    struct buffer salvaged = {0};
    bool repaired = journal_recovery_salvage(source, found, &salvaged);

    if (!repaired)
        problem_set(problem, "cannot read %s: %s", path, strerror(errno));
    else if (!replace_tail(file->fd, found->keep, &salvaged))
        repaired = problem_set(problem, "cannot cut the unfinished last record of %s: %s", path,
                               strerror(errno));
    else
        note_cut(file, path, (uintmax_t)(source->size - found->keep) - salvaged.size,
                 found->salvaged);
    buffer_free(&salvaged);
    return repaired;
}

/* Writes the bytes [begin, end) of the file again, in place. False with errno. */
static bool write_again(int fd, off_t begin, off_t end)
{
    unsigned char block[BLOCK_SIZE];

    while (begin < end) {
        size_t size = end - begin < BLOCK_SIZE ? (size_t)(end - begin) : BLOCK_SIZE;
        if (!read_at(fd, block, size, begin))
            return false;
        ssize_t written = pwrite(fd, block, size, begin);
        if (written < 0 && errno != EINTR)
            return false;
        begin += written < 0 ? 0 : written;
    }
    return true;
}

/* The same for a file that is open for appending, where Linux lets pwrite() append. */
static bool write_in_place(int fd, off_t begin, off_t end)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) != 0)
        return false;
    bool written = write_again(fd, begin, end);
    int saved = errno;
    bool restored = fcntl(fd, F_SETFL, flags) == 0;
    if (restored)
        errno = saved;
    return written && restored;
}

/*
 * Makes sure that the file is on the disk as it was found, after a server that did not stop in
 * order: it may have been killed before its last commit was synced. Syncing alone is not enough:
 * after a sync that failed, the kernel holds data that is not on the disk for written, until it is
 * written again. `begin`: bytes that are certainly on the disk.
 */
static bool settle(const struct open_file *file, const char *path, off_t begin, off_t end,
                   struct problem *problem)
{
    if (begin < end && !write_in_place(file->fd, begin, end))
        return problem_set(problem, "cannot write the last records of %s again: %s", path,
                           strerror(errno));
    return sync_bytes(file->fd) ||
           problem_set(problem, "cannot sync %s: %s", path, strerror(errno));
}

/*
 * Finds the last record of the file and cuts off what a crash left unfinished. `running`: the
 * server before did not stop in order.
 */
static bool recover(struct open_file *file, const char *path, off_t size, bool running, bool synced,
                    struct problem *problem)
{
    const struct recovery_source source = {read_source, &file->fd, size};
    struct recovery found;
    bool recovered = true;

    switch (journal_recovery_examine(&source, synced, &found)) {
    case RECOVERY_WHOLE:
        break;
    case RECOVERY_DAMAGED:
        recovered = repair(file, path, &source, &found, problem);
        running = true;
        break;
    case RECOVERY_FOREIGN:
        recovered = refuse_foreign(path, problem);
        break;
    case RECOVERY_UNREADABLE:
        recovered = problem_set(problem, "cannot read %s: %s", path, strerror(errno));
        break;
    }
    /* If commits were not synced, no sync has failed, and the rest may be much. */
    off_t begin = synced ? found.begin : found.keep;
    if (recovered && running)
        recovered = settle(file, path, begin, found.keep, problem);
    file->last_seq = found.last_seq;
    file->has_records = found.last_seq > 0;
    file->format = found.format;
    return recovered;
}

static bool sync_directory(const char *path, struct problem *problem)
{
    return sync_directory_of(path) ||
           problem_set(problem, "cannot sync the directory of %s: %s", path, strerror(errno));
}

/* Opens the file, or creates it with exactly this mode, whatever the umask. */
static int open_or_create(const char *path, mode_t mode)
{
    const int flags = O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(path, flags);

    if (fd < 0 && errno == ENOENT) {
        mode_t saved = umask(0);
        fd = open(path, flags | O_CREAT, mode);
        (void)umask(saved); /* always succeeds */
    }
    return fd;
}

/* Most readers do not expect records of two formats in one file. */
static bool check_format(const struct open_file *file, const struct journal_options *options,
                         struct problem *problem)
{
    static const char *const names[] = {"text", "json"};

    if (!file->has_records || file->format == options->format)
        return true;
    return problem_set(problem,
                       "cannot use %s as journal: its records are format = %s, not %s (rename it; "
                       "tcpackd will create a new one)",
                       options->file, names[file->format], names[options->format]);
}

/* Sets the SEQ after which the journal continues. */
static bool find_seq(struct open_file *file, const char *path, const struct journal_seq_note *note,
                     struct problem *problem)
{
    char boot[JOURNAL_BOOT_ID_MAX];

    journal_seq_boot(boot);
    file->last_seq = journal_seq_resume(note, file->last_seq, file->inode, boot);
    if (file->last_seq < UINT64_MAX)
        return true;
    return problem_set(problem,
                       "cannot use %s as journal: no SEQ is left after its last one (name another "
                       "file; its numbers begin with 1)",
                       path);
}

static bool take_over(struct open_file *file, const struct journal_options *options, bool seq_held,
                      struct problem *problem)
{
    struct journal_seq_note note = {0};
    const char *path = options->file;
    struct stat status;

    if (!lock(file, path, problem) || (!seq_held && !journal_seq_read(path, &note, problem)))
        return false;
    if (fstat(file->fd, &status) != 0) /* again: the previous owner of the lock may have written */
        return problem_set(problem, "cannot examine journal %s: %s", path, strerror(errno));
    bool synced = note.running ? note.synced : options->sync;
    if (status.st_size > 0 && !recover(file, path, status.st_size, note.running, synced, problem))
        return false;
    if (status.st_size == 0 && note.running && !settle(file, path, 0, 0, problem))
        return false; /* it may be empty because a repair was not finished */
    if (!check_format(file, options, problem) || !find_seq(file, path, &note, problem))
        return false;
    if (options->sync && !sync_directory(path, problem))
        return false;
    note_committed(file, lseek(file->fd, 0, SEEK_END));
    return true;
}

bool open_file_is_at(const struct open_file *file, const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}

/*
 * Keeps using the current file: opening and closing it again would lose its lock. Sets *renamed if
 * this failed and the file is no longer at its path.
 */
static bool keep_current(const struct open_file *current, const struct journal_options *options,
                         struct problem *problem, bool *renamed)
{
    const char *path = options->file;

    if (!current->regular ||
        (lock(current, path, problem) && (!options->sync || sync_directory(path, problem))))
        return true;
    *renamed = !open_file_is_at(current, path);
    return false;
}

/*
 * With `seq_held`, a regular file at this path was the journal until now: what is written to a
 * device in its place would be lost.
 */
static bool is_still_a_file(const struct open_file *file, const char *path, bool seq_held,
                            struct problem *problem)
{
    if (file->regular || !seq_held)
        return true;
    return problem_set(problem,
                       "cannot use %s as journal: there is a device now where the file was "
                       "(remove it; tcpackd will create a new file)",
                       path);
}

/*
 * The file may have been deleted before identify() saw that it had a name. One that never had a
 * name is still at its path, such as /dev/fd/3.
 */
static bool is_not_deleted(const struct open_file *file, const char *path, struct problem *problem)
{
    if (!file->regular || file->named || open_file_is_at(file, path))
        return true;
    return problem_set(problem, "cannot use %s as journal: it was deleted", path);
}

/* What to do about an error of open(). The units of systemd make the rest read-only, or hide it. */
static const char *advice(int error)
{
    return error == EACCES || error == EROFS
               ? " (the server may not write there; as a service, it may in its own directory, "
                 "where "
                 "the journal is without file, and with a relative one)"
               : "";
}

/* Opens a file. Sets *renamed if this failed and the file is no longer at its path. */
static bool open_path(struct open_file *file, const struct journal_options *options, bool seq_held,
                      struct problem *problem, bool *renamed)
{
    const char *path = options->file;

    *renamed = false;
    *file = (struct open_file){.fd = -1};
    file->fd = open_or_create(path, (mode_t)options->mode);
    if (file->fd < 0)
        return problem_set(problem, "cannot open journal %s: %s%s", path, strerror(errno),
                           advice(errno));
    stream_open(&file->stream, file->fd);
    if (identify(file, path, problem) && is_still_a_file(file, path, seq_held, problem) &&
        is_not_deleted(file, path, problem) &&
        (!file->regular || take_over(file, options, seq_held, problem)))
        return true;
    *renamed = file->regular && !open_file_is_at(file, path);
    open_file_close(file);
    return false;
}

bool open_file_at(struct open_file *file, const struct journal_options *options, bool seq_held,
                  const struct open_file *current, struct problem *problem)
{
    bool has_current = current != NULL && current->fd >= 0;
    bool renamed = true;

    *file = (struct open_file){.fd = -1};
    for (int attempt = 0; renamed && attempt < OPENS_MAX; attempt++) {
        bool stays = has_current && open_file_is_at(current, options->file);
        if (stays ? keep_current(current, options, problem, &renamed)
                  : open_path(file, options, seq_held, problem, &renamed))
            return true;
    }
    /* Closing another descriptor of the current file dropped its lock. */
    if (has_current && current->regular && !journal_lock_take(current->fd, current->committed)) {
        /* The file stays in use; `problem` says why opening failed. */
    }
    return false;
}

void open_file_close(struct open_file *file)
{
    stream_close(&file->stream);
    if (file->fd >= 0 && file->borrowed && file->regular)
        journal_lock_drop(file->fd);
    else if (file->fd >= 0 && !file->borrowed)
        (void)close(file->fd); /* each commit has synced what it had to */
    file->fd = -1;
}
