#include "server/journal_file.h"

#include "common/number.h"
#include "server/journal_lock.h"
#include "server/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SCAN_BLOCK = 65536,   /* bytes read at once when looking for the last line */
    SEQ_FILE_MODE = 0644, /* less what the umask takes */
};

static bool fail(char *problem, const char *what, const char *path)
{
    (void)snprintf(problem, JOURNAL_TEXT_MAX, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool identify(struct journal_file *file, const char *path, char *problem)
{
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        return fail(problem, "examine journal", path);
    file->regular = S_ISREG(status.st_mode);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    if (!file->regular && !S_ISCHR(status.st_mode) && !file->borrowed) {
        (void)snprintf(problem, JOURNAL_TEXT_MAX,
                       "cannot use %s as journal: it is neither a file nor a character device "
                       "(for a pipe, set file = - and redirect standard output)",
                       path);
        return false;
    }
    return true;
}

/* Locks what of the file is not committed; also again, where the lock may have been lost. */
static bool lock(const struct journal_file *file, const char *path, char *problem)
{
    if (journal_lock_take(file->fd, file->committed))
        return true;
    if (errno != EAGAIN)
        return fail(problem, "lock", path);
    (void)snprintf(problem, JOURNAL_TEXT_MAX,
                   "cannot use %s as journal: another tcpackd records into it", path);
    return false;
}

/* All that the file has, `end` bytes, is committed. */
static void note_committed(struct journal_file *file, off_t end)
{
    if (end > 0)
        journal_lock_move(file->fd, &file->committed, end);
}

/* Whether standard output, a file, has an unfinished line before where it is to be written. */
static bool line_is_open(bool appending)
{
    /* It is open for writing only, more often than not. */
    int fd = open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
    off_t end = appending ? lseek(fd, 0, SEEK_END) : lseek(STDOUT_FILENO, 0, SEEK_CUR);
    char last = '\n';

    if (fd < 0)
        return false; /* nobody can tell */
    if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
        last = '\n'; /* a hole */
    (void)close(fd); /* it was only read */
    return last != '\n';
}

/* Ends what a crash left unfinished, so that the first record has a line of its own. */
static bool end_line(struct journal_file *file, bool appending, char *problem)
{
    bool open = line_is_open(appending);

    if (!lock(file, "standard output", problem)) /* again: it closed a descriptor of the file */
        return false;
    if (!open)
        return true;
    if (write(file->fd, "\n", 1) != 1)
        return fail(problem, "end the unfinished last line of", "standard output");
    (void)snprintf(file->note, sizeof file->note,
                   "standard output ended in an unfinished line, as after a crash: it is ended");
    return true;
}

bool journal_file_standard_output(struct journal_file *file, char *problem)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    *file = (struct journal_file){.fd = STDOUT_FILENO, .borrowed = true};
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        (void)snprintf(problem, JOURNAL_TEXT_MAX,
                       "cannot record on standard output: it is closed, or open for reading only "
                       "(set file in [journal], or redirect it)");
        return false;
    }
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

/* Reads exactly bytes[0..size) at `offset`; an end of file in between is EIO. */
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

static const unsigned char *last_newline(const unsigned char *block, size_t size)
{
    while (size > 0)
        if (block[--size] == '\n')
            return block + size;
    return NULL;
}

/* Sets *begin to the offset behind the last LF before `end`; 0 where there is none. */
static bool find_line_begin(int fd, off_t end, off_t *begin)
{
    unsigned char *block = malloc(SCAN_BLOCK);
    bool read = block != NULL;

    *begin = 0;
    while (read && end > 0) {
        size_t size = end < SCAN_BLOCK ? (size_t)end : SCAN_BLOCK;
        end -= (off_t)size;
        read = read_at(fd, block, size, end);
        const unsigned char *newline = read ? last_newline(block, size) : NULL;
        if (newline != NULL) {
            *begin = end + (newline - block) + 1;
            break;
        }
    }
    free(block);
    return read;
}

/* What the line at [begin, end) of the file is; `torn`: a crash may have left NULs of its rest. */
static bool parse_line_at(int fd, off_t begin, off_t end, bool torn, enum record_kind *kind,
                          uint64_t *seq)
{
    unsigned char head[RECORD_HEAD_MAX];
    size_t size = end - begin < RECORD_HEAD_MAX ? (size_t)(end - begin) : RECORD_HEAD_MAX;

    if (!read_at(fd, head, size, begin))
        return false;
    *kind = record_parse(head, torn ? strnlen((const char *)head, size) : size, seq);
    return true;
}

static bool refuse_foreign(const char *path, char *problem)
{
    (void)snprintf(problem, JOURNAL_TEXT_MAX,
                   "cannot use %s as journal: its last line is no record of tcpackd; the file is "
                   "untouched: name another one, or move it away",
                   path);
    return false;
}

static bool cut_tail(struct journal_file *file, const char *path, off_t end, off_t size,
                     char *problem)
{
    if (ftruncate(file->fd, end) != 0)
        return fail(problem, "cut the unfinished last record of", path);
    if (fdatasync(file->fd) != 0)
        return fail(problem, "sync", path);
    (void)snprintf(file->note, sizeof file->note,
                   "%s ended in an unfinished record of %jd bytes, as after a crash: cut", path,
                   (intmax_t)(size - end));
    return true;
}

/* Finds the last SEQ of a file that is not empty, and cuts what follows the last whole line. */
static bool recover(struct journal_file *file, const char *path, off_t size, char *problem)
{
    off_t tail; /* where the last whole line ends */
    off_t begin = 0;
    enum record_kind whole = RECORD_OURS;
    enum record_kind rest = RECORD_PARTIAL;
    uint64_t unfinished;

    if (!find_line_begin(file->fd, size, &tail) ||
        (tail > 0 && (!find_line_begin(file->fd, tail - 1, &begin) ||
                      !parse_line_at(file->fd, begin, tail - 1, false, &whole, &file->last_seq))) ||
        !parse_line_at(file->fd, tail, size, tail > 0, &rest, &unfinished))
        return fail(problem, "read", path);
    if (whole != RECORD_OURS || rest == RECORD_FOREIGN)
        return refuse_foreign(path, problem);
    return tail == size || cut_tail(file, path, tail, size, problem);
}

/* The name of FILE.seq, or FILE.seq.new; the caller frees it. NULL: no memory. */
static char *seq_path(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *name = malloc(size);

    if (name != NULL)
        (void)snprintf(name, size, "%s%s", path, suffix);
    return name;
}

/* What FILE.seq says, for a file without records. No FILE.seq: 0. */
static bool read_noted_seq(const char *path, uint64_t *seq, char *problem)
{
    char text[32];
    char *name = seq_path(path, ".seq");
    FILE *noted = name == NULL ? NULL : fopen(name, "re");
    bool good = true;

    if (noted == NULL) {
        good = name != NULL && errno == ENOENT;
        if (!good)
            (void)fail(problem, "read the last SEQ beside", path);
    } else {
        size_t size = fread(text, 1, sizeof text - 1, noted);
        bool line = size > 0 && text[size - 1] == '\n'; /* written by hand, it may be none */
        text[line ? size - 1 : size] = '\0';
        good = size < sizeof text - 1 && number_parse(text, 10, 0, UINT64_MAX, seq);
        if (!good)
            (void)snprintf(
                problem, JOURNAL_TEXT_MAX,
                "%s does not say a SEQ: write the last record's into it, or remove it to "
                "begin with 1",
                name);
        (void)fclose(noted); /* it was only read */
    }
    free(name);
    return good;
}

/* Makes the name of a file that is there last: that of the file itself, where `path` is a link. */
static bool sync_directory(const char *path, char *problem)
{
    char *real = realpath(path, NULL);
    int fd = real == NULL ? -1 : open(dirname(real), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;

    if (!synced)
        (void)fail(problem, "sync the directory of", path);
    if (fd >= 0)
        (void)close(fd); /* nothing was written through it */
    free(real);
    return synced;
}

/* Opens the file, or makes it with just this mode, whatever the umask. */
static int open_or_make(const char *path, mode_t mode)
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

static bool take_over(struct journal_file *file, const char *path, bool sync, char *problem)
{
    struct stat status;

    if (!lock(file, path, problem))
        return false;
    if (fstat(file->fd, &status) != 0) /* again: the lock's last owner may have written */
        return fail(problem, "examine journal", path);
    if (status.st_size > 0 && !recover(file, path, status.st_size, problem))
        return false;
    if (file->last_seq == 0 && !read_noted_seq(path, &file->last_seq, problem))
        return false;
    if (file->last_seq == UINT64_MAX) {
        (void)snprintf(problem, JOURNAL_TEXT_MAX,
                       "cannot use %s as journal: there is no SEQ behind its last record's", path);
        return false;
    }
    if (sync && !sync_directory(path, problem))
        return false;
    note_committed(file, lseek(file->fd, 0, SEEK_END));
    return true;
}

/* Whether `path` is the file that is open: opening and closing it again would lose its lock. */
static bool is_current(const struct journal_file *current, const char *path)
{
    struct stat status;

    return current != NULL && current->fd >= 0 && stat(path, &status) == 0 &&
           status.st_dev == current->device && status.st_ino == current->inode;
}

static bool keep_current(const struct journal_file *current, const char *path, bool sync,
                         char *problem)
{
    return !current->regular ||
           (lock(current, path, problem) && (!sync || sync_directory(path, problem)));
}

bool journal_file_open(struct journal_file *file, const char *path, mode_t mode, bool sync,
                       const struct journal_file *current, char *problem)
{
    *file = (struct journal_file){.fd = -1};
    if (is_current(current, path))
        return keep_current(current, path, sync, problem);
    file->fd = open_or_make(path, mode);
    if (file->fd < 0)
        return fail(problem, "open journal", path);
    stream_open(&file->stream, file->fd);
    if (identify(file, path, problem) && (!file->regular || take_over(file, path, sync, problem)))
        return true;
    journal_file_close(file);
    return false;
}

void journal_file_close(struct journal_file *file)
{
    stream_close(&file->stream);
    if (file->fd >= 0 && file->borrowed && file->regular)
        journal_lock_drop(file->fd);
    else if (file->fd >= 0 && !file->borrowed)
        (void)close(file->fd); /* what matters was synced at the commit */
    file->fd = -1;
}

/* Where others may write into the folder, they could have put a link there. */
static FILE *make_seq_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, SEQ_FILE_MODE);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (fd >= 0 && file == NULL)
        (void)close(fd); /* nothing was written */
    return file;
}

static bool write_seq(FILE *out, uint64_t seq)
{
    bool written =
        fprintf(out, "%" PRIu64 "\n", seq) > 0 && fflush(out) == 0 && fsync(fileno(out)) == 0;
    return fclose(out) == 0 && written;
}

/* Makes the file `name` by way of `fresh`, of which nothing stays where that fails. */
static bool replace_seq(const char *name, const char *fresh, uint64_t seq)
{
    FILE *out = make_seq_file(fresh);

    if (out == NULL)
        return false;
    if (write_seq(out, seq) && rename(fresh, name) == 0)
        return true;
    int saved = errno;
    if (unlink(fresh) != 0) {
        /* It is written over next time. */
    }
    errno = saved;
    return false;
}

bool journal_file_note_seq(const char *path, uint64_t seq, char *problem)
{
    char *name = seq_path(path, ".seq");
    char *fresh = seq_path(path, ".seq.new");
    bool noted = name != NULL && fresh != NULL && replace_seq(name, fresh, seq);

    if (!noted)
        (void)fail(problem, "note the last SEQ beside", path);
    noted = noted && sync_directory(name, problem);
    free(name);
    free(fresh);
    return noted;
}
