#include "common/config/reader.h"

#include <stdio.h>
#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf";

enum {
    HIDDEN = '\x01'
}; /* replaces a `;` that is text; the text itself has no control characters */

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

/* A control character, which a line must not contain, not even in quotes. */
static bool is_control(char c)
{
    unsigned char byte = (unsigned char)c;

    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* Takes the next line off the text, without its LF or CR LF. */
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

/* A line of the text as inih gets it: without comment and trailing blanks. */
struct line {
    const char *text;
    size_t size;
    size_t whole_size;   /* including comment and blanks */
    bool has_comment;    /* a `;` after a blank, and what follows it, was cut off */
    bool has_open_quote; /* a `;` follows an unmatched double quote: text or comment? */
};

/*
 * Looks for a comment after a value. A `;` after a blank begins one, except in double quotes.
 */
static void find_comment(struct line *line, size_t value)
{
    bool quoted = false;

    for (size_t at = value; at < line->size; at++) {
        char c = line->text[at];
        if (c == '"') {
            quoted = !quoted;
            line->has_open_quote = false;
        } else if (c == ';' && at > value && is_blank(line->text[at - 1])) {
            line->has_open_quote = quoted;
            line->has_comment = !quoted;
            if (!quoted)
                line->size = at;
        }
    }
}

/* Cuts off a comment: the whole line, or one after a section's name or a value. */
static struct line cut_comment(const char *text, size_t size)
{
    struct line line = {.text = text, .size = size, .whole_size = size};
    size_t blanks = 0;

    while (blanks < size && is_blank(text[blanks]))
        blanks++;
    if (blanks == size || text[blanks] == ';' || text[blanks] == '#') {
        line.size = 0;
        return line;
    }
    const char *start = memchr(text, text[0] == '[' ? ']' : '=', size);
    if (start != NULL)
        find_comment(&line, (size_t)(start - text) + 1);
    while (is_blank(text[line.size - 1]))
        line.size--;
    return line;
}

/* Whether the line has no control character, not even in a comment. Reports one. */
static bool judge_bytes(const struct config_reader *reader, const struct line *line)
{
    char problem[64];

    for (size_t i = 0; i < line->whole_size; i++) {
        if (!is_control(line->text[i]))
            continue;
        (void)snprintf(problem, sizeof problem, "%s (0x%02x) in the line",
                       line->text[i] == '\0' ? "a NUL" : "a control character",
                       (unsigned)line->text[i]);
        reader->events->wrong(reader->context, problem);
        return false;
    }
    return true;
}

/* Whether inih has room for the line. Reports a line that is too long. */
static bool judge_size(const struct config_reader *reader, const struct line *line, size_t room)
{
    char key[CONFIG_LINE_MAX + 1];
    size_t size = 0;

    if (line->size <= CONFIG_LINE_MAX && line->size <= room)
        return true;
    while (size < CONFIG_LINE_MAX && line->text[size] != '=' && !is_blank(line->text[size]))
        size++;
    memcpy(key, line->text, size);
    key[size] = '\0';
    reader->events->too_long(reader->context, key);
    return false;
}

/* Whether a `#` follows a blank outside double quotes: in other formats it begins a comment. */
static bool has_hash(const char *value)
{
    bool quoted = false;

    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (*at == '#' && !quoted && at > value && is_blank(at[-1]))
            return true;
    }
    return false;
}

/* NULL, and every `;` of the value is hidden; or what is wrong. */
static const char *judge_key(char *line)
{
    size_t key_size = strcspn(line, "=:;");
    char *value = line + key_size + 1;

    if (line[key_size] == ':')
        return "\":\" where \"=\" is needed: key = value";
    if (line[key_size] != '=')
        return "no \"=\": a line is [section], key = value, or a comment after \";\" or \"#\"";
    if (strspn(line, " \t") == key_size)
        return "no key before the \"=\"";
    if (config_reader_has_open_quote(value + strspn(value, " \t")))
        return CONFIG_OPEN_QUOTE;
    if (has_hash(value))
        return "a \"#\" after a blank: begin a comment with \";\", and put a value that contains "
               "\" #\" in double quotes";
    for (; *value != '\0'; value++)
        if (*value == ';')
            *value = HIDDEN;
    return NULL;
}

/* Begins the section and leaves only its `[name]`. NULL, or what is wrong after it. */
static const char *judge_section(struct config_reader *reader, char *line)
{
    char *end = strchr(line, ']');

    reader->state = CONFIG_UNKNOWN_SECTION;
    if (end == NULL)
        return "no \"]\" after the name of the section";
    bool clean = end[1] == '\0';
    *end = '\0';
    if (reader->events->section(reader->context, line + 1))
        reader->state = CONFIG_KNOWN_SECTION;
    end[0] = ']';
    end[1] = '\0';
    return clean ? NULL : "text after the \"]\"";
}

/* Checks a line that is not empty, and prepares it for inih. NULL, or what is wrong. */
static const char *judge_line(struct config_reader *reader, char *line, bool has_open_quote)
{
    if (is_blank(line[0]))
        return "a blank before the text: a line begins at its left edge, and a value has only one "
               "line";
    if (line[0] == '[')
        return judge_section(reader, line);
    if (reader->state == CONFIG_NO_SECTION)
        return "text before the first [section]";
    if (reader->state == CONFIG_UNKNOWN_SECTION)
        return NULL;
    if (has_open_quote)
        return "a \";\" after an unmatched double quote: is it text or a comment?";
    return judge_key(line);
}

/* Whether inih gets the line: it is not empty, not wrong, and not in an unknown section. */
static bool take_for_inih(struct config_reader *reader, char *line, bool has_open_quote)
{
    if (line[0] == '\0')
        return false;
    const char *problem = judge_line(reader, line, has_open_quote);
    if (problem != NULL)
        reader->events->wrong(reader->context, problem);
    return reader->state == CONFIG_KNOWN_SECTION && (problem == NULL || line[0] == '[');
}

char *config_reader_next(char *line, int room, void *context)
{
    struct config_reader *reader = context;
    size_t size;

    if (reader->rest_size == 0)
        return NULL;
    const char *text = take_line(reader, &size);
    struct line cut = cut_comment(text, size);
    if (!judge_bytes(reader, &cut) || !judge_size(reader, &cut, (size_t)room - 2)) {
        if (text[0] == '[')
            reader->state = CONFIG_UNKNOWN_SECTION;
        cut.size = 0;
    }
    reader->has_comment = cut.has_comment;
    memcpy(line, text, cut.size);
    line[cut.size] = '\0';
    if (!take_for_inih(reader, line, cut.has_open_quote))
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

    if (config_reader_is_quoted(value)) {
        memmove(value, value + 1, size - 2);
        value[size - 2] = '\0';
    }
}

bool config_reader_is_quoted(const char *value)
{
    size_t size = strlen(value);

    return size >= 2 && value[0] == '"' && value[size - 1] == '"';
}

bool config_reader_has_open_quote(const char *value)
{
    return value[0] == '"' && !config_reader_is_quoted(value);
}

/* Whether the line, read by this reader and inih, has this value. */
static bool reads_back(const char *line, const char *value)
{
    char copy[CONFIG_LINE_MAX + 1];
    struct line cut = cut_comment(line, strlen(line));

    memcpy(copy, line, cut.size);
    copy[cut.size] = '\0';
    if (cut.has_comment || cut.has_open_quote || judge_key(copy) != NULL)
        return false;
    char *read = copy + strcspn(copy, "=") + 1;
    read += strspn(read, " \t");
    config_reader_value(read);
    return strcmp(read, value) == 0;
}

bool config_reader_write(const char *key, const char *value, char line[CONFIG_LINE_MAX + 1])
{
    static const char *const quotes[] = {"", "\"", "", "\""};
    static const char *const equals[] = {" = ", " = ", "=",
                                         "="}; /* without blanks if there is no room */

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
