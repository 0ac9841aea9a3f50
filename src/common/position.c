#include "common/position.h"

#include "common/number.h"
#include "common/replace_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 256, /* bytes: more than any line has */
    WORDS = 6,
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
    if (strlen(word) != RECORD_TIME_LENGTH)
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

bool position_load(const char *path, struct position *position, struct problem *problem)
{
    char text[TEXT_SIZE];
    FILE *file = fopen(path, "re");

    *position = (struct position){0};
    if (file == NULL)
        return errno == ENOENT || fail(problem, path);
    size_t size = fread(text, 1, sizeof text - 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file); /* it was only read */
    if (failed)
        return fail(problem, path);
    bool whole = size > 0 && text[size - 1] == '\n' && memchr(text, '\n', size) == text + size - 1;
    text[whole ? size - 1 : 0] = '\0';
    if (whole && parse(text, position))
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
