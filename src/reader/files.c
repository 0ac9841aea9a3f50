#include "reader/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes read at once when looking for the beginning of a line: most are short. */
enum { BLOCK_MIN = 512, BLOCK_MAX = 65536 };

/* Reads up to `size` bytes at `offset`; less at the end of the file, -1 with errno. */
static ssize_t read_at(int fd, unsigned char *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* What begins at `offset`; record->seq is 0 if it is no record. */
static bool parse_at(int fd, uint64_t offset, struct files_record *record)
{
    unsigned char head[RECORD_HEAD_MAX];
    ssize_t size = read_at(fd, head, sizeof head, offset);
    struct record_line line;

    *record = (struct files_record){.begin = offset};
    if (size < 0)
        return false;
    if (record_head(head, (size_t)size, &line) == RECORD_OURS) {
        record->seq = line.seq;
        memcpy(record->time, line.time, RECORD_TIME_LENGTH);
    }
    return true;
}

bool files_first(int fd, struct files_record *record)
{
    return parse_at(fd, 0, record);
}

/* Sets *begin to the offset after the last LF before `end`; 0: there is none. */
static bool find_line(int fd, uint64_t end, uint64_t *begin)
{
    unsigned char block[BLOCK_MAX];
    size_t most = BLOCK_MIN;

    while (end > 0) {
        size_t size = end < most ? (size_t)end : most;
        end -= size;
        if (read_at(fd, block, size, end) != (ssize_t)size)
            return false;
        for (; size > 0; size--)
            if (block[size - 1] == '\n') {
                *begin = end + size;
                return true;
            }
        most = BLOCK_MAX;
    }
    *begin = 0;
    return true;
}

bool files_last(int fd, uint64_t end, struct files_record *record)
{
    uint64_t begin;

    *record = (struct files_record){0};
    if (!find_line(fd, end, &end)) /* what follows the last LF is no whole line */
        return false;
    while (end > 0 && record->seq == 0) {
        if (!find_line(fd, end - 1, &begin) || !parse_at(fd, begin, record))
            return false;
        record->end = end;
        end = begin;
    }
    if (record->seq == 0)
        *record = (struct files_record){0};
    return true;
}

/* -------------------------------------------------------------------------- files beside others */

/* Whether a file has a record `seq`, as far as its first and its last say. */
static bool has(const char *path, uint64_t seq)
{
    struct files_record first;
    struct files_record last;
    struct stat status;
    int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool found = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                 files_first(fd, &first) && first.seq > 0 && first.seq <= seq &&
                 files_last(fd, (uint64_t)status.st_size, &last) && last.seq >= seq;

    if (fd >= 0)
        (void)close(fd); /* it was only read */
    return found;
}

/* `folder`/`name`, which the caller frees; NULL: no memory. */
static char *join(const char *folder, size_t folder_size, const char *name)
{
    size_t size = folder_size + strlen(name) + 1;
    char *path = malloc(size);

    if (path != NULL)
        (void)snprintf(path, size, "%.*s%s", (int)folder_size, folder, name);
    return path;
}

static bool is_beside(const char *name, const char *base)
{
    size_t size = strlen(base);

    return strncmp(name, base, size) == 0 && (name[size] == '.' || name[size] == '-');
}

bool files_find(const char *path, uint64_t seq, char **name)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t folder_size = (size_t)(base - path); /* with its slash */
    char *folder = join(path, folder_size, folder_size == 0 ? "." : "");
    DIR *entries = folder == NULL ? NULL : opendir(folder);
    const struct dirent *entry;

    *name = NULL;
    while (entries != NULL && *name == NULL && (entry = readdir(entries)) != NULL) {
        char *one = is_beside(entry->d_name, base) ? join(path, folder_size, entry->d_name) : NULL;
        if (one != NULL && has(one, seq))
            *name = one;
        else
            free(one);
    }
    if (entries != NULL)
        (void)closedir(entries); /* it was only read */
    free(folder);
    return *name != NULL;
}
