#include "common/config/loader.h"

#include "common/address.h"
#include "common/config/contradictions.h"
#include "common/escape.h"
#include "common/framing/framing.h"
#include "common/nearest.h"

#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENER         "listener "
#define LISTENER_SIZE    (sizeof LISTENER - 1)
#define LISTENER_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum {
    LISTENER_NAME_MAX_BYTES = 32, /* with "listener ", less than inih keeps of a section's name */
    SHOWN_OVERRIDE_BYTES = 200,   /* of an override, in an error about it */
    SHOWN_PATH_BYTES = 1000,
    REPORT_MAX_BYTES = 2048,
    SECTIONS_BYTES = 100, /* enough for the names of all sections */
};

/* Reports a problem of the line or override that is being read. */
static void wrong(struct config_loader *loader, const char *format, ...) PRINTF_LIKE(2, 3);

static void report(struct config_loader *loader, const char *text)
{
    char line[4 * REPORT_MAX_BYTES];
    const unsigned char *bytes = (const void *)text;
    size_t left = strlen(text);
    size_t size = 0;

    /* Bytes that are not safe on a terminal become \xHH. */
    while (left > 0) {
        size_t length = escape_character(bytes, left);
        bool plain = length > 0 && !escape_is_control(bytes, length);
        size_t taken = plain ? length : 1;
        if (plain)
            memcpy(line + size, bytes, length);
        else
            (void)snprintf(line + size, 5, "\\x%02x", (unsigned)*bytes);
        size += plain ? length : 4;
        bytes += taken;
        left -= taken;
    }
    line[size] = '\0';
    loader->report->error(loader->report->context, line);
    loader->failed = true;
}

static void report_at(struct config_loader *loader, struct config_where where, const char *format,
                      va_list args) PRINTF_LIKE(3, 0);

static void report_at(struct config_loader *loader, struct config_where where, const char *format,
                      va_list args)
{
    char text[REPORT_MAX_BYTES];
    int size;

    /* A connection string that is refused may have a password in it. */
    if (where.override != NULL && strncmp(where.override, "journal.postgresql", 18) == 0)
        size = snprintf(text, sizeof text, "-o journal.postgresql: ");
    else if (where.override != NULL)
        size = snprintf(text, sizeof text, "-o %.*s%s: ", SHOWN_OVERRIDE_BYTES, where.override,
                        strlen(where.override) > SHOWN_OVERRIDE_BYTES ? "..." : "");
    else
        size =
            snprintf(text, sizeof text, "%.*s:%zu: ", SHOWN_PATH_BYTES, loader->name, where.line);
    (void)vsnprintf(text + size, sizeof text - (size_t)size, format, args); /* cut if too long */
    report(loader, text);
}

/* The line or override being read. */
static struct config_where here(const struct config_loader *loader)
{
    if (loader->override != NULL)
        return (struct config_where){.override = loader->override};
    return (struct config_where){.line = loader->reader.line};
}

static void wrong(struct config_loader *loader, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_at(loader, here(loader), format, args);
    va_end(args);
}

void config_loader_wrong_at(struct config_loader *loader, struct config_where where,
                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_at(loader, where, format, args);
    va_end(args);
}

/* Reports a problem of the file as a whole. */
static void wrong_file(struct config_loader *loader, const char *problem)
{
    char text[REPORT_MAX_BYTES];

    (void)snprintf(text, sizeof text, "%.*s: %s", SHOWN_PATH_BYTES, loader->name, problem);
    report(loader, text);
}

void config_loader_wrong_file(struct config_loader *loader, const struct problem *problem)
{
    wrong_file(loader, problem->text);
}

/* ---------------------------------------------------------------------------- sections */

struct config_seen *config_loader_seen(struct config_loader *loader, struct config_place place)
{
    return place.listener == CONFIG_NO_LISTENER ? &loader->seen[place.section]
                                                : &loader->listeners_seen[place.listener];
}

/* The struct that the option's offset counts from, for this section. */
static void *home_of(struct config_loader *loader, struct config_place place,
                     const struct config_option *option)
{
    if (place.listener != CONFIG_NO_LISTENER)
        return &loader->config->listeners[place.listener];
    return option->of_listener ? (void *)&loader->config->server : (void *)loader->config;
}

static void unknown_section(struct config_loader *loader, const char *name)
{
    struct nearest nearest = {.wanted = name};

    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        nearest_offer(&nearest, config_section_names[i]);
    if (nearest.name != NULL)
        wrong(loader, "unknown section [%s] (did you mean \"%s\"?)", name, nearest.name);
    else
        wrong(loader,
              "unknown section [%s]: server, listener NAME, journal, log, metrics and "
              "client are known",
              name);
}

/* Adds an empty listener to both lists. */
static bool add_listener(struct config_loader *loader, const char *name)
{
    struct config *config = loader->config;
    size_t count = config->listeners_count;
    struct config_listener *listeners =
        realloc(config->listeners, (count + 1) * sizeof *config->listeners);
    if (listeners != NULL)
        config->listeners = listeners;
    struct config_seen *seen = realloc(loader->listeners_seen, (count + 1) * sizeof *seen);
    if (seen != NULL)
        loader->listeners_seen = seen;
    char *copy = strdup(name);
    if (listeners == NULL || seen == NULL || copy == NULL) {
        free(copy);
        return false;
    }
    listeners[count] = (struct config_listener){.name = copy};
    seen[count] = (struct config_seen){0};
    config->listeners_count++;
    return true;
}

/* Finds the listener of this name, or adds it. False: reported. */
static bool find_listener(struct config_loader *loader, const char *name,
                          struct config_place *place)
{
    const struct config *config = loader->config;
    size_t size = strlen(name);
    size_t i = 0;

    if (size == 0 || size > LISTENER_NAME_MAX_BYTES ||
        name[strspn(name, LISTENER_LETTERS)] != '\0') {
        wrong(loader,
              "a listener's name has 1 to %d letters, digits, \"-\" or \"_\": [listener NAME]",
              (int)LISTENER_NAME_MAX_BYTES);
        return false;
    }
    while (i < config->listeners_count && strcmp(config->listeners[i].name, name) != 0)
        i++;
    if (i == config->listeners_count && !add_listener(loader, name)) {
        wrong(loader, "not enough memory");
        return false;
    }
    *place = (struct config_place){.section = CONFIG_SERVER, .listener = (ptrdiff_t)i};
    return true;
}

/* Finds the section of this name. False: reported. */
static bool find_section(struct config_loader *loader, const char *name, struct config_place *place)
{
    if (strcmp(name, "listener") == 0)
        return find_listener(loader, "", place);
    if (strncmp(name, LISTENER, LISTENER_SIZE) == 0)
        return find_listener(loader, name + LISTENER_SIZE, place);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (strcmp(config_section_names[i], name) == 0) {
            *place = (struct config_place){.section = (enum config_section)i,
                                           .listener = CONFIG_NO_LISTENER};
            return true;
        }
    }
    unknown_section(loader, name);
    return false;
}

/* -------------------------------------------------------------------------------- keys */

/* Whether a section has the option. */
static bool has_option(struct config_place place, const struct config_option *option)
{
    return option->section == place.section &&
           (place.listener == CONFIG_NO_LISTENER || option->of_listener);
}

static const struct config_option *find_option(struct config_place place, const char *key)
{
    const struct config_option *option = config_option_find(place.section, key);

    return option != NULL && has_option(place, option) ? option : NULL;
}

/* Lists the sections that have the key: `[a] or [b]`, or "". */
static void list_sections(const char *key, char *list, size_t size)
{
    size_t used = 0;

    list[0] = '\0';
    for (size_t i = 0; i < config_options_count && used < size; i++)
        if (strcmp(config_options[i].key, key) == 0)
            used += (size_t)snprintf(list + used, size - used, "%s[%s]", used == 0 ? "" : " or ",
                                     config_section_names[config_options[i].section]);
}

static void unknown_key(struct config_loader *loader, struct config_place place, const char *key)
{
    struct nearest nearest = {.wanted = key};
    char title[CONFIG_TITLE_SIZE];
    char elsewhere[SECTIONS_BYTES];

    if (place.listener == CONFIG_NO_LISTENER)
        (void)snprintf(title, sizeof title, "[%s]", config_section_names[place.section]);
    else
        (void)config_listener_title(&loader->config->listeners[place.listener], title);
    list_sections(key, elsewhere, sizeof elsewhere);
    for (size_t i = 0; i < config_options_count; i++)
        if (find_option(place, config_options[i].key) == &config_options[i])
            nearest_offer(&nearest, config_options[i].key);
    if (*elsewhere != '\0')
        wrong(loader, "unknown key \"%s\" in %s: it belongs to %s", key, title, elsewhere);
    else if (nearest.name != NULL)
        wrong(loader, "unknown key \"%s\" in %s (did you mean \"%s\"?)", key, title, nearest.name);
    else
        wrong(loader, "unknown key \"%s\" in %s", key, title);
}

bool config_where_is_set(struct config_where where)
{
    return where.line != 0 || where.override != NULL;
}

/* Whether the line or override being read may set the key. False: reported. */
static bool may_set(struct config_loader *loader, const struct config_option *option,
                    struct config_where before, const char *value)
{
    char written[CONFIG_LINE_MAX + 1];

    if (option->type == CONFIG_NETWORKS)
        return true;
    if (loader->override == NULL && config_where_is_set(before)) {
        wrong(loader, "%s was set on line %zu already", option->key, before.line);
        return false;
    }
    if (loader->override != NULL && !config_reader_write(option->key, value, written)) {
        wrong(loader,
              "no line of a file can hold this: it has a control character, or more than %d bytes, "
              "or a double quote before \" ;\" or \" #\"",
              CONFIG_LINE_MAX);
        return false;
    }
    return true;
}

/* Sets a key of a section from the line or override being read. */
static void set_key(struct config_loader *loader, struct config_place place,
                    const struct config_option *option, const char *value)
{
    struct problem problem;
    struct config_where *where = &config_loader_seen(loader, place)->keys[option - config_options];
    void *home = home_of(loader, place, option);

    if (!may_set(loader, option, *where, value))
        return;
    /* Lists in the file add up; so do those of overrides, which replace the file's. */
    bool adds = option->type == CONFIG_NETWORKS && config_where_is_set(*where) &&
                (where->override == NULL) == (loader->override == NULL);
    *where = here(loader);
    if (!(adds ? config_option_add(option, home, value, &problem)
               : config_option_set(option, home, value, &problem)))
        wrong(loader, "%s: %s", option->key, problem.text);
}

/* ---------------------------------------------------------------------------- the file */

static void line_is_wrong(void *context, const char *problem)
{
    wrong(context, "%s", problem);
}

static void line_is_too_long(void *context, const char *key)
{
    struct config_loader *loader = context;
    const struct config_option *option =
        loader->reader.state == CONFIG_KNOWN_SECTION ? find_option(loader->place, key) : NULL;

    if (option != NULL && option->type == CONFIG_NETWORKS)
        wrong(loader, "the line is longer than %d bytes: give %s several times, the lists add up",
              CONFIG_LINE_MAX, key);
    else
        wrong(loader, "the line is longer than %d bytes", CONFIG_LINE_MAX);
}

static bool section_begins(void *context, const char *name)
{
    struct config_loader *loader = context;

    if (!find_section(loader, name, &loader->place))
        return false;
    size_t *line = &config_loader_seen(loader, loader->place)->section;
    if (*line != 0)
        wrong(loader, "section [%s] began on line %zu already", name, *line);
    else
        *line = loader->reader.line;
    return true;
}

static int take_key(void *context, const char *section, const char *key, const char *value)
{
    struct config_loader *loader = context;
    const struct config_option *option = find_option(loader->place, key);
    char copy[CONFIG_LINE_MAX + 1];

    (void)section; /* loader->place is the same */
    if (option == NULL) {
        unknown_key(loader, loader->place, key);
    } else if (option->free_text && loader->reader.has_comment && !config_reader_is_quoted(value)) {
        wrong(loader,
              "%s: is the \" ;\" text, or does it begin a comment? Put the text in double quotes",
              key);
    } else {
        memcpy(copy, value, strlen(value) + 1); /* the reader passes no longer line */
        config_reader_value(copy);
        set_key(loader, loader->place, option, copy);
    }
    return 1;
}

void config_loader_read(struct config_loader *loader, const char *text, size_t size)
{
    static const struct config_reader_events events = {line_is_wrong, line_is_too_long,
                                                       section_begins};

    loader->reader = config_reader(text, size, &events, loader);
    int bad_line = ini_parse_stream(config_reader_next, &loader->reader, take_key, loader);
    if (bad_line != 0)
        wrong_file(loader, bad_line > 0 ? "inih reads a line otherwise" : "not enough memory");
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    text[size] = '\0';
    return text;
}

/* Splits `section.key=value` and sets the key. Modifies `text`. */
static void take_override(struct config_loader *loader, char *text)
{
    struct config_place place;
    char *equal = strchr(text, '=');
    if (equal != NULL)
        *equal = '\0';
    char *dot = equal == NULL ? NULL : strrchr(text, '.');

    if (dot == NULL) {
        wrong(loader, "not of the form section.key=value, such as server.port=8001");
        return;
    }
    *dot = '\0';
    if (!find_section(loader, text, &place))
        return;
    char *value = trim(equal + 1);
    const char *key = trim(dot + 1);
    const struct config_option *option = find_option(place, key);
    if (option == NULL) {
        unknown_key(loader, place, key);
    } else if (config_reader_has_open_quote(value)) {
        wrong(loader, "%s", CONFIG_OPEN_QUOTE);
    } else {
        config_reader_unquote(value);
        set_key(loader, place, option, value);
    }
}

void config_loader_override(struct config_loader *loader, const char *override)
{
    char *copy = strdup(override);

    loader->override = override;
    if (copy == NULL)
        wrong(loader, "not enough memory");
    else
        take_override(loader, copy);
    free(copy);
    loader->override = NULL;
}

static bool is_key(const struct config_option *option, enum config_section section, const char *key)
{
    return option->section == section && strcmp(option->key, key) == 0;
}

/* The default; for one key it depends on how the program was started. */
static const char *default_of(const struct config_loader *loader,
                              const struct config_option *option)
{
    const char *database = loader->config->journal.postgresql; /* NULL: not set yet */

    if (is_key(option, CONFIG_JOURNAL, "file") && loader->journal_file != NULL &&
        (database == NULL || *database == '\0'))
        return loader->journal_file;
    return option->value;
}

/* Gives a key that was not set its default, or the value of [server]. */
static void inherit(struct config_loader *loader, struct config_place place,
                    const struct config_option *option)
{
    const struct config_listener *server = &loader->config->server;
    void *home = home_of(loader, place, option);
    struct problem problem;
    bool good;

    if (is_key(option, CONFIG_CLIENT, "host"))
        good = config_option_set(option, home, address_to_connect_to(server->host), &problem);
    else if (option->of_listener && place.listener != CONFIG_NO_LISTENER)
        good = config_option_copy(option, home, option, server, &problem);
    else if (option->value == NULL)
        good = config_option_copy(option, home, config_option_find(CONFIG_SERVER, option->key),
                                  server, &problem);
    else
        good = config_option_set(option, home, default_of(loader, option), &problem);
    if (!good)
        config_loader_wrong_file(loader, &problem); /* out of memory: the value itself is valid */
}

/* For the parts that must know whether a value is only the default. */
static void note_given(struct config_loader *loader, struct config_place place,
                       const struct config_option *option)
{
    if (is_key(option, CONFIG_JOURNAL, "file"))
        loader->config->journal.file_given = true;
    if (is_key(option, CONFIG_SERVER, "host") || is_key(option, CONFIG_SERVER, "port"))
        ((struct config_listener *)home_of(loader, place, option))->address_given = true;
}

static void inherit_all(struct config_loader *loader, struct config_place place)
{
    for (size_t i = 0; i < config_options_count && !loader->failed; i++) {
        if (!has_option(place, &config_options[i]))
            continue;
        if (config_where_is_set(config_loader_seen(loader, place)->keys[i]))
            note_given(loader, place, &config_options[i]);
        else
            inherit(loader, place, &config_options[i]);
    }
}

void config_loader_complete(struct config_loader *loader)
{
    struct config_place place = {.listener = CONFIG_NO_LISTENER};

    loader->config->server.name = strdup("");
    if (loader->config->server.name == NULL)
        wrong_file(loader, "not enough memory");
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        place.section = (enum config_section)i; /* [server] is first: the others inherit from it */
        inherit_all(loader, place);
    }
    place.section = CONFIG_SERVER;
    for (size_t i = 0; i < loader->config->listeners_count; i++) {
        place.listener = (ptrdiff_t)i;
        inherit_all(loader, place);
    }
    if (!loader->failed)
        config_contradictions_check(loader);
}
