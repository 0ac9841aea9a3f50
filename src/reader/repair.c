#include "reader/repair.h"

#include "common/log.h"
#include "common/record.h"
#include "common/replace_file.h"
#include "reader/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 65536, NAME_EXTRA = 64 };

static enum repair_result fail(const char *what, const char *path)
{
    log_error("cannot %s %s: %s", what, path, strerror(errno));
    return REPAIR_FAILED;
}

/* As tcpackd does: it keeps others from opening the file as their journal meanwhile. */
static bool lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_SETLK, &whole) == 0;
}

/* Copies [begin, end) of a file to another. */
static bool copy(int from, uint64_t begin, uint64_t end, int to)
{
    unsigned char block[BLOCK];

    while (begin < end) {
        size_t size = end - begin < BLOCK ? (size_t)(end - begin) : BLOCK;
        ssize_t got = pread(from, block, size, (off_t)begin);
        if (got < 0 && errno == EINTR)
            continue;
        ssize_t put = got <= 0 ? -1 : write(to, block, (size_t)got);
        if (got == 0)
            errno = EIO; /* it got shorter */
        if (put < 0)
            return false;
        begin += (uint64_t)put;
    }
    return true;
}

/* `path`, `what` and the time as 20260131T235959Z, which the caller frees; NULL: no memory. */
static char *name_of(const char *path, const char *what)
{
    size_t size = strlen(path) + NAME_EXTRA;
    char *name = malloc(size);
    char when[NAME_EXTRA];
    time_t now = time(NULL);
    struct tm utc = {0};

    (void)gmtime_r(&now, &utc); /* fails only beyond the year 2^31 */
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    if (name != NULL)
        (void)snprintf(name, size, "%s%s%s", path, what, when);
    return name;
}

/* A new file with the permissions of another, and its owner if we may. -1 with errno. */
static int make_like(const char *name, const struct stat *status)
{
    const mode_t mode = status->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0)
        return -1;
    if (fchown(fd, status->st_uid, status->st_gid) != 0) {
        /* Only root may; everybody else's file is their own already. */
    }
    if (fchmod(fd, mode) != 0) {
        /* What the umask took stays away. */
    }
    return fd;
}

static bool finish(int fd)
{
    bool synced = fsync(fd) == 0;
    int saved = errno;

    if (close(fd) != 0 && synced)
        return false;
    errno = saved;
    return synced;
}

/* --------------------------------------------------------------------- what is foreign, and where
 */

/* Bytes of the file that are records, or that are not. */
struct run {
    uint64_t begin, end;
    bool foreign;
};

/* What a file has. */
struct survey {
    uint64_t records;
    uint64_t foreign;       /* bytes */
    uint64_t foreign_begin; /* of the first of them */
    uint64_t record_end;    /* of the last record */
};

/* Deals with each run in turn. False: errno says why. */
typedef bool run_taker(void *context, const struct run *run);

static void grow(struct run *run, const struct input_line *line)
{
    run->end = line->offset + line->length + 1; /* with its LF */
}

static bool is_record(const struct input_line *line)
{
    struct record_line record;

    return input_record(line, &record);
}

/* Takes the file apart into runs; `records` counts the records. */
static bool for_each_run(int fd, const struct stat *status, uint64_t *records, run_taker *take,
                         void *context)
{
    struct input input = {.fd = fd, .regular = true, .name = ""}; /* closing it would unlock */
    struct run run = {0};
    struct input_line line;
    enum input_result result;
    bool taken = true;

    *records = 0;
    while (taken && (result = input_next(&input, &line)) == INPUT_LINE) {
        bool foreign = !is_record(&line);
        *records += !foreign;
        if (foreign != run.foreign && run.end > run.begin)
            taken = take(context, &run);
        if (foreign != run.foreign)
            run = (struct run){.begin = line.offset, .foreign = foreign};
        grow(&run, &line);
    }
    buffer_free(&input.bytes);
    if (!taken || result != INPUT_END)
        return false;
    struct run rest = {run.end, (uint64_t)status->st_size, true};
    if (run.foreign)
        run.end = rest.end;
    return (run.end == run.begin || take(context, &run)) &&
           (run.foreign || rest.begin == rest.end || take(context, &rest));
}

static bool survey_run(void *context, const struct run *run)
{
    struct survey *survey = context;

    if (!run->foreign) {
        survey->record_end = run->end;
        return true;
    }
    if (survey->foreign == 0)
        survey->foreign_begin = run->begin;
    survey->foreign += run->end - run->begin;
    return true;
}

/* -------------------------------------------------------------------------------- putting right */

/* Where runs go. */
struct targets {
    int from;
    int records; /* -1: they stay where they are */
    int foreign;
};

static bool copy_run(void *context, const struct run *run)
{
    const struct targets *targets = context;
    int to = run->foreign ? targets->foreign : targets->records;

    return to < 0 || copy(targets->from, run->begin, run->end, to);
}

/* Removes a file that was written in vain, and keeps errno. */
static void drop(const char *name)
{
    int saved = errno;

    (void)unlink(name); /* nothing needs it, and nothing else can be done */
    errno = saved;
}

/* Copies what is foreign to `damaged`, and if `clean` is not NULL, the records to that. */
static bool copy_apart(int fd, const struct stat *status, const char *damaged, const char *clean)
{
    struct targets targets = {.from = fd, .records = -1, .foreign = make_like(damaged, status)};
    uint64_t records;

    if (targets.foreign < 0)
        return false;
    if (clean != NULL && (targets.records = make_like(clean, status)) < 0) {
        (void)close(targets.foreign); /* nothing was written */
        drop(damaged);
        return false;
    }
    bool copied = for_each_run(fd, status, &records, copy_run, &targets);
    copied = finish(targets.foreign) && copied;
    if (clean != NULL)
        copied = finish(targets.records) && copied;
    copied = copied && sync_directory_of(damaged);
    if (!copied)
        drop(damaged);
    if (!copied && clean != NULL)
        drop(clean);
    return copied;
}

/* Cuts the file if all that is foreign is at its end; else puts the clean one in its place. */
static bool put_right(int fd, const char *path, const struct survey *survey, const char *clean)
{
    if (clean != NULL)
        return rename(clean, path) == 0 && sync_directory_of(path);
    return ftruncate(fd, (off_t)survey->foreign_begin) == 0 && fsync(fd) == 0;
}

static enum repair_result set_aside(int fd, const char *path, const struct stat *status,
                                    const struct survey *survey)
{
    char *damaged = name_of(path, ".damaged-");
    bool between = survey->foreign_begin < survey->record_end;
    char *clean = between ? name_of(path, ".repaired-") : NULL;
    enum repair_result result = REPAIR_FAILED;

    if (damaged == NULL || (between && clean == NULL) || !copy_apart(fd, status, damaged, clean))
        (void)fail("set aside what is not a record of", path); /* the journal is as it was */
    else if (!put_right(fd, path, survey, clean))
        (void)fail("put right", path);
    else
        result = REPAIR_DONE;
    if (result == REPAIR_DONE)
        log_info("%s: %" PRIu64 " bytes that are not records are in %s now; %" PRIu64
                 " records stay",
                 path, survey->foreign, damaged, survey->records);
    free(damaged);
    free(clean);
    return result;
}

static enum repair_result repair_locked(int fd, const char *path)
{
    struct survey survey = {0};
    struct stat status;

    if (fstat(fd, &status) != 0)
        return fail("examine", path);
    if (!S_ISREG(status.st_mode)) {
        log_error("%s is not touched: it is not a file", path);
        return REPAIR_REFUSED;
    }
    if (!for_each_run(fd, &status, &survey.records, survey_run, &survey))
        return fail("read", path);
    if (survey.foreign == 0) {
        log_info("%s: there is nothing to set aside: each line is a record", path);
        return REPAIR_NOTHING;
    }
    if (survey.records > 0)
        return set_aside(fd, path, &status, &survey);
    log_error(
        "%s is not touched: there is no record in it; if it should be a journal, move it away",
        path);
    return REPAIR_REFUSED;
}

/* Repairs the file of a name that is no link. */
static enum repair_result repair_file(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    enum repair_result result = REPAIR_REFUSED;

    if (fd < 0) {
        (void)fail("open", path);
        return REPAIR_ABSENT;
    }
    if (lock(fd))
        result = repair_locked(fd, path);
    else if (errno == EACCES || errno == EAGAIN)
        log_error("%s is not touched: a tcpackd records into it, or another --repair is at work",
                  path);
    else
        result = fail("lock", path);
    (void)close(fd); /* what was written was synced */
    return result;
}

enum repair_result repair(const char *path)
{
    struct stat status;
    bool link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    char *target = link ? realpath(path, NULL) : NULL;

    if (link && target == NULL) {
        (void)fail("open", path);
        return REPAIR_ABSENT;
    }
    enum repair_result result = repair_file(link ? target : path);
    free(target);
    return result;
}
