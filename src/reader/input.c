#include "reader/input.h"

#include "common/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 }; /* bytes read at once */

/* A record's line has no more bytes: a message of max_message, each byte as six. */
#define LINE_MAX_BYTES (UINT64_C(6) * 1024 * 1024 * 1024 + RECORD_HEAD_MAX)

bool input_open(struct input *input, const char *name)
{
    struct stat status;

    *input = (struct input){.fd = STDIN_FILENO, .name = name};
    if (strcmp(name, "-") == 0)
        input->name = "standard input";
    else
        input->fd = open(name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (input->fd < 0)
        return false;
    bool usable = fstat(input->fd, &status) == 0;
    if (usable && S_ISDIR(status.st_mode)) {
        usable = false;
        errno = EISDIR;
    }
    if (!usable) {
        input_close(input);
        return false;
    }
    input->regular = S_ISREG(status.st_mode);
    input->device = status.st_dev;
    input->inode = status.st_ino;
    off_t at = input->regular ? lseek(input->fd, 0, SEEK_CUR) : 0;
    input->offset = at > 0 ? (uint64_t)at : 0; /* standard input may be somewhere in a file */
    return true;
}

void input_close(struct input *input)
{
    int saved = errno;

    if (input->fd > STDIN_FILENO)
        (void)close(input->fd); /* it was only read */
    errno = saved;
    buffer_free(&input->bytes);
    input->fd = -1;
}

/* How much of a file there is, in bytes. */
struct extent {
    bool held; /* a tcpackd has the file open */
    uint64_t size;
    uint64_t committed; /* without a tcpackd: all */
};

/* False: errno says why. */
static bool extent_of(int fd, struct extent *extent)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    struct stat status;

    /* The lock first: bytes that come after it was looked at are another look's. */
    bool locks = fcntl(fd, F_GETLK, &lock) == 0;
    if (fstat(fd, &status) != 0)
        return false;
    extent->size = (uint64_t)status.st_size;
    extent->committed = extent->size;
    extent->held = locks && lock.l_type == F_WRLCK; /* without locks in the file system: false */
    if (extent->held && (uint64_t)lock.l_start < extent->size)
        extent->committed = (uint64_t)lock.l_start;
    return true;
}

/* Whether a pipe has something, or is at its end. Waits no longer than `timeout`; NULL: for it. */
static bool has_input(int fd, struct timeval *timeout)
{
    struct descriptor_set set = {0};
    bool ready = true; /* without memory, read() waits */

    if (descriptor_set_grow(&set, fd)) {
        descriptor_set_add(&set, fd);
        ready = select(fd + 1, descriptor_set_for_select(&set), NULL, NULL, timeout) != 0;
    }
    descriptor_set_free(&set);
    return ready;
}

void input_wait(const struct input *input)
{
    (void)has_input(input->fd, NULL); /* it has */
}

/* Where the bytes end that were read of the file. */
static uint64_t read_end(const struct input *input)
{
    return input->offset + input->skipped + (input->bytes.size - input->begin);
}

/* Looks at how much of a file is committed. INPUT_LINE: there is more to read. */
static enum input_result look(struct input *input)
{
    struct timeval now = {0};
    struct extent extent;

    if (!input->regular)
        return has_input(input->fd, &now) ? INPUT_LINE : INPUT_PAUSE;
    if (!extent_of(input->fd, &extent))
        return INPUT_FAILED;
    input->held = extent.held;
    input->committed = extent.committed; /* 0 while a tcpackd that starts examines the file */
    if (input->offset > extent.size)
        return INPUT_EMPTIED;
    if (read_end(input) > input->committed) /* an unfinished line that was cut */
        input_seek(input, input->offset, input->lines);
    return read_end(input) < input->committed ? INPUT_LINE : INPUT_END;
}

/* Reads bytes to where they belong. INPUT_LINE: some came. */
static enum input_result read_block(struct input *input)
{
    unsigned char *room = buffer_reserve(&input->bytes, BLOCK);
    size_t size = BLOCK;
    ssize_t got;

    if (room == NULL)
        return INPUT_FAILED;
    if (input->regular && input->committed - read_end(input) < size)
        size = (size_t)(input->committed - read_end(input));
    do
        got = input->regular ? pread(input->fd, room, size, (off_t)read_end(input))
                             : read(input->fd, room, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? INPUT_PAUSE : INPUT_FAILED;
    if (got > 0 && memchr(room, '\0', (size_t)got) != NULL)
        input->nul_end = input->bytes.size + (size_t)got;
    input->bytes.size += (size_t)got;
    return got > 0 ? INPUT_LINE : INPUT_END;
}

/*
 * A tcpackd that opened the file while it was read may have cut it, and written again: what was
 * read without its lock does not count.
 */
static bool was_taken_over(const struct input *input)
{
    struct extent extent;

    return input->regular && !input->held && extent_of(input->fd, &extent) && extent.held;
}

/* Drops what is no record's beginning, and needs no more of its line to tell. */
static void skip(struct input *input)
{
    size_t size = input->bytes.size - input->begin;
    uint64_t seq;

    if (size <= RECORD_HEAD_MAX)
        return;
    const unsigned char *line = input->bytes.bytes + input->begin;
    if (record_parse(line, RECORD_HEAD_MAX, &seq) == RECORD_OURS && size < LINE_MAX_BYTES)
        return;
    input->skipped += size - RECORD_HEAD_MAX;
    input->bytes.size = input->begin + RECORD_HEAD_MAX;
    input->scanned = RECORD_HEAD_MAX;
}

/* Reads more of the next line. INPUT_LINE: something came. */
static enum input_result fill(struct input *input)
{
    buffer_consume(&input->bytes, input->begin);
    input->nul_end -= input->nul_end < input->begin ? input->nul_end : input->begin;
    input->begin = 0;
    skip(input);
    enum input_result result = look(input);
    if (result == INPUT_LINE)
        result = read_block(input);
    if (result == INPUT_LINE && was_taken_over(input))
        input_seek(input, input->offset, input->lines);
    return result;
}

static void take(struct input *input, size_t size, struct input_line *line)
{
    line->bytes = input->bytes.bytes + input->begin;
    line->size = input->skipped == 0 ? size : RECORD_HEAD_MAX;
    line->offset = input->offset;
    line->length = input->skipped + size;
    line->number = ++input->lines;
    line->nul = input->begin < input->nul_end && memchr(line->bytes, '\0', line->size) != NULL;
    input->begin += size + 1;
    input->offset += line->length + 1;
    input->scanned = 0;
    input->skipped = 0;
}

enum input_result input_next(struct input *input, struct input_line *line)
{
    enum input_result result = INPUT_LINE;

    for (; result == INPUT_LINE; result = fill(input)) {
        size_t left = input->bytes.size - input->begin;
        if (left > input->scanned) {
            const unsigned char *from = input->bytes.bytes + input->begin;
            const unsigned char *end = memchr(from + input->scanned, '\n', left - input->scanned);
            if (end != NULL) {
                take(input, (size_t)(end - from), line);
                return INPUT_LINE;
            }
        }
        input->scanned = left;
    }
    return result;
}

void input_seek(struct input *input, uint64_t offset, uint64_t lines)
{
    input->offset = offset;
    input->lines = lines;
    input->bytes.size = 0;
    input->begin = 0;
    input->nul_end = 0;
    input->scanned = 0;
    input->skipped = 0;
}

bool input_record(const struct input_line *line, struct record_line *record)
{
    return !line->nul && line->length == line->size &&
           record_split(line->bytes, line->size, record);
}

uint64_t input_rest(const struct input *input)
{
    return read_end(input) - input->offset;
}

bool input_rest_is_foreign(const struct input *input)
{
    const unsigned char *rest = input->bytes.bytes + input->begin;
    size_t size = input->bytes.size - input->begin;
    uint64_t seq;

    if (size > RECORD_HEAD_MAX)
        size = RECORD_HEAD_MAX;
    const unsigned char *nul = size == 0 ? NULL : memchr(rest, '\0', size);
    if (nul != NULL)
        size = (size_t)(nul - rest);
    return size > 0 && record_parse(rest, size, &seq) == RECORD_FOREIGN;
}
