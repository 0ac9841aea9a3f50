#include "common/config_reader.h"

#include <stdio.h>
#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf";

enum { HIDDEN = '\x01' }; /* stands for a `;` that is text; no other control character gets in */

struct config_reader config_reader(const char *text, size_t size,
                                   const struct config_reader_events *events, void *context)
{
    size_t mark_size = strlen(byte_order_mark);

    if (size >= mark_size && memcmp(text, byte_order_mark, mark_size) == 0) {
        text += mark_size;
        size -= mark_size;
    }
    return (struct config_reader){
        .rest = text, .rest_size = size, .events = events, .context = context};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A control character that has no place in a line, also within quotes. */
static bool is_control(char c)
{
    unsigned char byte = (unsigned char)c;

    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* Takes the next line, without its LF or CR LF, off the text. */
static const char *take_line(struct config_reader *reader, size_t *size)
{
    const char *line = reader->rest;
    const char *end = memchr(line, '\n', reader->rest_size);
    size_t taken = end == NULL ? reader->rest_size : (size_t)(end - line) + 1;

    *size = end == NULL ? taken : taken - 1;
    if (end != NULL && *size > 0 && line[*size - 1] == '\r')
        (*size)--;
    reader->rest += taken;
    reader->rest_size -= taken;
    reader->line++;
    return line;
}

/* Whether the bytes can be a line. False, and `problem` written, where they cannot. */
static bool judge_bytes(const char *line, size_t size, size_t limit, char *problem,
                        size_t problem_size)
{
    if (size > limit) {
        (void)snprintf(problem, problem_size, "the line is longer than %zu bytes", limit);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_control(line[i]))
            continue;
        (void)snprintf(problem, problem_size, "%s (0x%02x) in the line",
                       line[i] == '\0' ? "a NUL" : "a control character", (unsigned)line[i]);
        return false;
    }
    return true;
}

/*
 * Cuts off the comment behind a value. A `;` behind a blank begins one, but not within a pair of
 * double quotes. False where the quotes have no end, so that nobody can tell.
 */
static bool cut_comment(char *value)
{
    bool quoted = false;
    bool doubtful = false; /* a `;` since the last `"` might begin a comment */

    for (char *at = value; *at != '\0'; at++) {
        if (*at == '"') {
            quoted = !quoted;
            doubtful = false;
        } else if (*at == ';' && at > value && is_blank(at[-1])) {
            if (!quoted) {
                *at = '\0';
                return true;
            }
            doubtful = true;
        }
    }
    return !doubtful;
}

/* NULL, and every `;` of the value hidden and no comment behind it; or what is wrong. */
static const char *judge_key(char *line)
{
    size_t key_size = strcspn(line, "=:;");
    char *value = line + key_size + 1;

    if (line[key_size] == ':')
        return "\":\" where \"=\" is needed: key = value";
    if (line[key_size] != '=')
        return "no \"=\": a line is [section], key = value, or a comment behind \";\" or \"#\"";
    if (strspn(line, " \t") == key_size)
        return "no key before the \"=\"";
    if (!cut_comment(value))
        return "a \";\" behind a double quote that has no end: is it text or a comment?";
    for (; *value != '\0'; value++)
        if (*value == ';')
            *value = HIDDEN;
    return NULL;
}

/* Begins the section and leaves only its `[name]`. NULL, or what is wrong behind it. */
static const char *judge_section(struct config_reader *reader, char *line)
{
    char *end = strchr(line, ']');

    reader->state = CONFIG_UNKNOWN_SECTION;
    if (end == NULL)
        return "no \"]\" behind the name of the section";
    const char *behind = end + 1 + strspn(end + 1, " \t");
    bool clean = *behind == '\0' || (*behind == ';' && behind > end + 1);
    *end = '\0';
    if (reader->events->section(reader->context, line + 1))
        reader->state = CONFIG_KNOWN_SECTION;
    end[0] = ']';
    end[1] = '\0';
    return clean ? NULL : "text behind the \"]\"";
}

/* Judges a line that is not empty and makes it what inih is to see. NULL, or what is wrong. */
static const char *judge_line(struct config_reader *reader, char *line)
{
    if (is_blank(line[0]))
        return "a blank before the text: a line begins at its left edge, and a value has only one";
    if (line[0] == '[')
        return judge_section(reader, line);
    if (reader->state == CONFIG_NO_SECTION)
        return "text before the first [section]";
    return reader->state == CONFIG_KNOWN_SECTION ? judge_key(line) : NULL;
}

/* Whether inih is to see the line: not a comment, not a wrong one, not in an unknown section. */
static bool take_for_inih(struct config_reader *reader, char *line)
{
    const char *text = line + strspn(line, " \t");

    if (*text == '\0' || *text == ';' || *text == '#')
        return false;
    const char *problem = judge_line(reader, line);
    if (problem != NULL)
        reader->events->wrong(reader->context, problem);
    return reader->state == CONFIG_KNOWN_SECTION && (problem == NULL || line[0] == '[');
}

char *config_reader_next(char *line, int room, void *context)
{
    struct config_reader *reader = context;
    char problem[64];
    size_t size;

    if (reader->rest_size == 0)
        return NULL;
    const char *text = take_line(reader, &size);
    size_t limit = (size_t)room - 2 < CONFIG_LINE_MAX ? (size_t)room - 2 : CONFIG_LINE_MAX;
    if (!judge_bytes(text, size, limit, problem, sizeof problem)) {
        reader->events->wrong(reader->context, problem);
        if (text[0] == '[')
            reader->state = CONFIG_UNKNOWN_SECTION;
        size = 0;
    }
    memcpy(line, text, size);
    line[size] = '\0';
    if (!take_for_inih(reader, line))
        line[0] = '\0';
    return line;
}

void config_reader_value(char *value)
{
    for (char *at = value; *at != '\0'; at++)
        if (*at == HIDDEN)
            *at = ';';
    config_reader_unquote(value);
}

void config_reader_unquote(char *value)
{
    size_t size = strlen(value);

    if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        memmove(value, value + 1, size - 2);
        value[size - 2] = '\0';
    }
}

/* Whether the line, as the reader and inih take it apart, has this value. */
static bool reads_back(const char *line, const char *value)
{
    char copy[CONFIG_LINE_MAX + 1];

    memcpy(copy, line, strlen(line) + 1);
    if (judge_key(copy) != NULL)
        return false;
    char *read = copy + strcspn(copy, "=") + 1;
    read += strspn(read, " \t");
    size_t size = strlen(read);
    while (size > 0 && is_blank(read[size - 1]))
        read[--size] = '\0';
    config_reader_value(read);
    return strcmp(read, value) == 0;
}

bool config_reader_write(const char *key, const char *value, char line[CONFIG_LINE_MAX + 1])
{
    static const char *const quotes[] = {"", "\"", "", "\""};
    static const char *const equals[] = {" = ", " = ", "=", "="}; /* short where it must be */

    for (const char *at = value; *at != '\0'; at++)
        if (is_control(*at))
            return false;
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        const char *equal = *value == '\0' && *equals[i] == ' ' ? " =" : equals[i];
        int size = snprintf(line, CONFIG_LINE_MAX + 1, "%s%s%s%s%s", key, equal, quotes[i], value,
                            quotes[i]);
        if (size > 0 && size <= CONFIG_LINE_MAX && reads_back(line, value))
            return true;
    }
    return false;
}
