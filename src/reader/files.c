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

enum { FIRST_MAX = 4 * 1024 * 1024 }; /* bytes in which the first record is looked for */

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
    unsigned char block[BLOCK_MAX];
    bool whole = parse_at(fd, 0, record);

    for (uint64_t offset = 0; whole && record->seq == 0 && offset < FIRST_MAX;) {
        ssize_t size = read_at(fd, block, sizeof block, offset);
        if (size <= 0)
            return size == 0;
        const unsigned char *end = block + size;
        const unsigned char *at = block;
        while (whole && record->seq == 0 && (at = memchr(at, '\n', (size_t)(end - at))) != NULL)
            whole = parse_at(fd, offset + (uint64_t)(++at - block), record);
        offset += (uint64_t)size;
    }
    return whole;
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

bool files_look_up(int fd, uint64_t end, uint64_t seq, struct files_record *record)
{
    uint64_t below = 0; /* the last record before this has a lower number, or there is none */

    while (below < end) {
        uint64_t middle = below + (end - below + 1) / 2;
        if (!files_last(fd, middle, record))
            return false;
        if (record->seq == seq)
            return true;
        if (record->seq < seq)
            below = middle;
        else
            end = middle - 1;
    }
    *record = (struct files_record){0};
    return true;
}

/* -------------------------------------------------------------------------- files beside others */

/* The lowest number from `seq` on that a file has, as far as its first and its last say; 0: none.
 */
static uint64_t next_in(const char *path, uint64_t seq)
{
    struct files_record first;
    struct files_record last;
    struct stat status;
    int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool found = seq > 0 && fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                 files_first(fd, &first) && first.seq > 0 &&
                 files_last(fd, (uint64_t)status.st_size, &last) && last.seq >= seq;

    if (fd >= 0)
        (void)close(fd); /* it was only read */
    if (!found)
        return 0;
    return first.seq > seq ? first.seq : seq;
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

/* Keeps the path instead of *name if its file has a record before *limit: that is then *limit. */
static void keep_better(char *path, uint64_t seq, uint64_t *limit, char **name)
{
    uint64_t next = path == NULL ? 0 : next_in(path, seq);

    if (next == 0 || next >= *limit) {
        free(path);
        return;
    }
    free(*name);
    *name = path;
    *limit = next;
}

bool files_find(const char *path, uint64_t seq, uint64_t limit, char **name)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t folder_size = (size_t)(base - path); /* with its slash */
    char *folder = join(path, folder_size, folder_size == 0 ? "." : "");
    DIR *entries = folder == NULL ? NULL : opendir(folder);
    const struct dirent *entry;

    *name = NULL;
    while (entries != NULL && (entry = readdir(entries)) != NULL)
        if (is_beside(entry->d_name, base))
            keep_better(join(path, folder_size, entry->d_name), seq, &limit, name);
    if (entries != NULL)
        (void)closedir(entries); /* it was only read */
    free(folder);
    return *name != NULL;
}
