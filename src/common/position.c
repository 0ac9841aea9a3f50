#include "common/position.h"

#include "common/number.h"
#include "common/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 256, /* bytes: more than any line has */
    WORDS = 6,
};

struct text {
    char bytes[TEXT_SIZE];
    size_t size;
};

static bool fail(struct problem *problem, const char *path)
{
    return problem_set(problem, "cannot read the position in %s: %s", path, strerror(errno));
}

static bool take_name(const char *word, struct position *position)
{
    size_t size = strlen(word);

    if (strcmp(word, "*") == 0)
        return true;
    if (!numbered_is_name(word, size))
        return false;
    memcpy(position->name, word, size + 1);
    return true;
}

static bool take_time(const char *word, struct position *position)
{
    if (strlen(word) != RECORD_TIME_LENGTH || !record_time_is_form(word))
        return false;
    memcpy(position->time, word, RECORD_TIME_LENGTH + 1);
    return true;
}

static bool take_number(const char *word, uint64_t *number)
{
    return number_parse(word, 10, 0, UINT64_MAX, number);
}

static bool parse(char *line, struct position *position)
{
    char *words[WORDS] = {NULL};
    char *rest = line;
    size_t count = 0;

    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (count == WORDS)
            return false;
        words[count++] = word;
    }
    if (count != 2 && count != WORDS)
        return false;
    if (!take_number(words[0], &position->number) || !take_name(words[1], position))
        return false;
    return count == 2 ||
           (take_time(words[2], position) && take_number(words[3], &position->inode) &&
            take_number(words[4], &position->offset) && take_number(words[5], &position->line));
}

/* Reads as much as there is room for. A FIFO is not waited for: only a regular file can be one. */
static bool read_text(int fd, const char *path, struct text *text, struct problem *problem)
{
    struct stat status;
    ssize_t got;

    if (fstat(fd, &status) != 0)
        return fail(problem, path);
    if (!S_ISREG(status.st_mode))
        return problem_set(problem, "cannot read the position in %s: it is not a regular file",
                           path);
    do
        got = read(fd, text->bytes, sizeof text->bytes - 1);
    while (got < 0 && errno == EINTR);
    text->size = got < 0 ? 0 : (size_t)got;
    return got >= 0 || fail(problem, path);
}

bool position_load(const char *path, struct position *position, struct problem *problem)
{
    struct text text = {.size = 0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    *position = (struct position){0};
    if (fd < 0)
        return errno == ENOENT || fail(problem, path);
    bool got = read_text(fd, path, &text, problem);
    (void)close(fd); /* it was only read */
    if (!got)
        return false;
    const char *end = memchr(text.bytes, '\n', text.size);
    bool whole = end != NULL && end == text.bytes + text.size - 1;
    text.bytes[whole ? text.size - 1 : 0] = '\0';
    if (whole && parse(text.bytes, position))
        return true;
    return problem_set(problem,
                       "%s does not have a position in it: name another file, or remove it to "
                       "begin with the first record",
                       path);
}

static bool append_line(const struct position *position, struct buffer *out)
{
    const char *name = position->name[0] != '\0' ? position->name : "*";
    bool made = buffer_printf(out, "%" PRIu64 " %s", position->number, name);

    if (made && position->time[0] != '\0')
        made = buffer_printf(out, " %s %" PRIu64 " %" PRIu64 " %" PRIu64, position->time,
                             position->inode, position->offset, position->line);
    return made && buffer_append(out, "\n", 1);
}

bool position_save(const char *path, const struct position *position, struct problem *problem)
{
    struct buffer line = {0};
    struct problem why;
    int fd = -1;

    if (append_line(position, &line)) {
        const struct replacement replacement = {
            .path = path, .suffix = ".new", .bytes = line.bytes, .size = line.size};
        fd = replace_file(&replacement, &why);
    } else {
        problem_set(&why, "not enough memory");
    }
    if (fd < 0)
        problem_set(problem, "cannot write the position in %s: %s", path, why.text);
    else
        (void)close(fd); /* what was written is there */
    buffer_free(&line);
    return fd >= 0;
}
