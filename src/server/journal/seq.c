#include "server/journal/seq.h"

#include "common/number.h"
#include "common/replace_file.h"
#include "server/journal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEQ_DIGITS = 20 }; /* of UINT64_MAX */

static const char before_last[] = " last ";

/* ------------------------------------------------------------------------------ the file's text */

/* Cuts the next word off *text. It must end with `separator`. NULL: there is no such word. */
static char *take_word(char **text, char separator)
{
    char *word = *text;
    char *end = word == NULL ? NULL : strchr(word, separator);

    if (end == NULL)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return word;
}

static bool take_name(char **text, const char *name)
{
    const char *word = take_word(text, ' ');

    return word != NULL && strcmp(word, name) == 0;
}

static bool take_number(char **text, char separator, uint64_t *number)
{
    const char *word = take_word(text, separator);

    return word != NULL && strlen(word) <= SEQ_DIGITS &&
           number_parse(word, 10, 0, UINT64_MAX, number);
}

/* The second line, which must be the last one. */
static bool parse_running(char *text, struct journal_seq_note *note)
{
    note->running = true;
    if (!take_name(&text, "inode") || !take_number(&text, ' ', &note->inode) ||
        !take_name(&text, "from") || !take_number(&text, ' ', &note->from) ||
        !take_name(&text, "last") || !take_number(&text, ' ', &note->last) ||
        !take_name(&text, "synced"))
        return false;
    const char *synced = take_word(&text, ' ');
    if (synced == NULL || (strcmp(synced, "yes") != 0 && strcmp(synced, "no") != 0) ||
        !take_name(&text, "boot"))
        return false;
    note->synced = strcmp(synced, "yes") == 0;
    const char *boot = take_word(&text, '\n');
    if (boot == NULL || *boot == '\0' || strlen(boot) >= sizeof note->boot || *text != '\0')
        return false;
    memcpy(note->boot, boot, strlen(boot) + 1);
    return true;
}

bool journal_seq_parse(const char *text, size_t size, struct journal_seq_note *note)
{
    char copy[JOURNAL_SEQ_TEXT_MAX + 1];
    char *rest = copy;

    *note = (struct journal_seq_note){0};
    if (size == 0 || size >= JOURNAL_SEQ_TEXT_MAX || memchr(text, '\0', size) != NULL)
        return false;
    memcpy(copy, text, size);
    if (copy[size - 1] != '\n') /* it may be missing if the file was written by hand */
        copy[size++] = '\n';
    copy[size] = '\0';
    return take_number(&rest, '\n', &note->reserved) &&
           (*rest == '\0' || parse_running(rest, note));
}

size_t journal_seq_format(const struct journal_seq_note *note, char text[JOURNAL_SEQ_TEXT_MAX])
{
    if (!note->running) {
        (void)snprintf(text, JOURNAL_SEQ_TEXT_MAX, "%" PRIu64 "\n", note->reserved);
        return 0;
    }
    (void)snprintf(text, JOURNAL_SEQ_TEXT_MAX,
                   "%" PRIu64 "\ninode %" PRIu64 " from %" PRIu64 "%s%0*" PRIu64
                   " synced %s boot %s\n",
                   note->reserved, note->inode, note->from, before_last, SEQ_DIGITS, note->last,
                   note->synced ? "yes" : "no", note->boot);
    return (size_t)(strstr(text, before_last) - text) + strlen(before_last);
}

/*
 * The journal's last record is the last SEQ if the journal is the file that the server used and has
 * at least the record LAST. LAST is exact as long as the same kernel runs. A power cut may leave an
 * older LAST, but it takes no record if each commit was synced.
 */
uint64_t journal_seq_resume(const struct journal_seq_note *note, uint64_t last_record,
                            uint64_t inode, const char *boot)
{
    bool same_boot = strcmp(boot, "-") != 0 && strcmp(boot, note->boot) == 0;
    bool same_file = note->running && note->inode == inode;

    if (last_record >= note->reserved)
        return last_record;
    if (same_file && last_record > 0 && last_record >= note->last && (same_boot || note->synced))
        return last_record;
    if (same_file && last_record == 0 && note->last == note->from && same_boot)
        return note->from; /* nothing was written to this file */
    return note->reserved;
}

/* ------------------------------------------------------------------------------------- the file */

/* The name of FILE.seq; the caller frees it. NULL: out of memory. */
static char *name_of(const char *path)
{
    size_t size = strlen(path) + sizeof ".seq";
    char *name = malloc(size);

    if (name != NULL)
        (void)snprintf(name, size, "%s.seq", path);
    return name;
}

/* Up to the end, or `size` bytes: a part of a number would be another number. -1 with errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        ssize_t got = read(fd, text + at, size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

/*
 * Reads a small regular file. Does not wait for a FIFO and does not follow a symbolic link. Returns
 * the number of bytes read, at most `size`; -1 with errno.
 */
static ssize_t read_small(const char *name, char *text, size_t size)
{
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        got = read_all(fd, text, size);
    else
        errno = EINVAL;
    int saved = errno;
    (void)close(fd); /* it was only read */
    errno = saved;
    return got;
}

void journal_seq_boot(char boot[JOURNAL_BOOT_ID_MAX])
{
    ssize_t got = read_small("/proc/sys/kernel/random/boot_id", boot, JOURNAL_BOOT_ID_MAX - 1);

    boot[got < 0 ? 0 : got] = '\0';
    boot[strcspn(boot, "\n ")] = '\0';
    if (*boot == '\0')
        memcpy(boot, "-", sizeof "-");
}

bool journal_seq_read(const char *path, struct journal_seq_note *note, struct problem *problem)
{
    char text[JOURNAL_SEQ_TEXT_MAX];
    char *name = name_of(path);
    ssize_t got = name == NULL ? -1 : read_small(name, text, sizeof text);
    bool absent = name != NULL && got < 0 && errno == ENOENT;

    *note = (struct journal_seq_note){0};
    free(name);
    if (absent)
        return true;
    if (got < 0 && errno != EINVAL && errno != ELOOP)
        return problem_set(problem, "cannot read %s.seq: %s", path, strerror(errno));
    if (got < 0)
        return problem_set(
            problem, "cannot read %s.seq: it is not a regular file (remove it, or move it away)",
            path);
    if (journal_seq_parse(text, (size_t)got, note))
        return true;
    return problem_set(
        problem,
        "%s.seq does not contain a SEQ: write the last SEQ (or a higher number) into it, "
        "or remove it to continue after the journal's last record",
        path);
}

void journal_seq_init(struct journal_seq *seq)
{
    *seq = (struct journal_seq){.fd = -1};
}

static void close_file(struct journal_seq *seq)
{
    if (seq->fd >= 0)
        (void)close(seq->fd); /* what matters was synced */
    seq->fd = -1;
}

/*
 * Writes FILE.seq and returns a descriptor of it; -1: the file is as before. Sets *synced if both
 * text and name will survive a power cut; if not, `problem` has the reason, which begins with
 * "cannot `what` FILE.seq".
 */
static int write_note(const char *path, const struct journal_seq_note *note, const char *what,
                      size_t *last_at, bool *synced, struct problem *problem)
{
    char text[JOURNAL_SEQ_TEXT_MAX];
    char *name = name_of(path);
    int fd = -1;

    *last_at = journal_seq_format(note, text);
    *synced = false;
    if (name == NULL)
        problem_set(problem, "%s", strerror(errno));
    else
        fd = replace_file(&(struct replacement){.path = name,
                                                .suffix = ".new",
                                                .bytes = text,
                                                .size = strlen(text),
                                                .synced = true},
                          problem);
    if (fd >= 0)
        *synced = sync_directory_of(name) || problem_set(problem, "%s", strerror(errno));
    free(name);
    if (!*synced)
        problem_set(problem, "cannot %s %s.seq: %s", what, path, problem->text);
    return fd;
}

bool journal_seq_reserve(struct journal_seq *seq, const char *path, uint64_t needed,
                         struct journal_seq_note note, struct problem *problem)
{
    char *copy = strdup(path);
    size_t last_at;
    bool synced = false;

    note.running = true;
    note.reserved =
        needed > UINT64_MAX - JOURNAL_SEQ_AHEAD ? UINT64_MAX : needed + JOURNAL_SEQ_AHEAD;
    int fd = copy == NULL
                 ? -1
                 : write_note(path, &note, "reserve numbers in", &last_at, &synced, problem);
    if (fd < 0) {
        if (copy == NULL)
            problem_set(problem, "cannot reserve numbers in %s.seq: %s", path, strerror(errno));
        free(copy);
        return false;
    }
    uint64_t reserved = synced ? note.reserved : seq->reserved;
    journal_seq_drop(seq);
    *seq = (struct journal_seq){
        .path = copy, .fd = fd, .last_at = (off_t)last_at, .reserved = reserved};
    return synced;
}

bool journal_seq_written(const struct journal_seq *seq, uint64_t last, struct problem *problem)
{
    char digits[SEQ_DIGITS + 1];
    ssize_t at = 0;

    if (seq->fd < 0)
        return true;
    (void)snprintf(digits, sizeof digits, "%0*" PRIu64, SEQ_DIGITS, last);
    while (at < SEQ_DIGITS) {
        ssize_t written =
            pwrite(seq->fd, digits + at, (size_t)(SEQ_DIGITS - at), seq->last_at + at);
        if (written < 0 && errno != EINTR)
            return problem_set(problem, "cannot write the last SEQ to %s.seq: %s", seq->path,
                               strerror(errno));
        at += written < 0 ? 0 : written;
    }
    return true;
}

bool journal_seq_finish(struct journal_seq *seq, uint64_t last, struct problem *problem)
{
    const struct journal_seq_note note = {.reserved = last};
    size_t last_at;
    bool synced;

    if (seq->path == NULL)
        return true;
    int fd = write_note(seq->path, &note, "write the last SEQ to", &last_at, &synced, problem);
    if (fd >= 0)
        (void)close(fd); /* what matters was synced */
    journal_seq_drop(seq);
    return synced;
}

void journal_seq_drop(struct journal_seq *seq)
{
    close_file(seq);
    free(seq->path);
    journal_seq_init(seq);
}
