#include "common/config/config.h"

#include "common/buffer.h"
#include "common/config/loader.h"
#include "common/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1048576 };

/* Appends the file's bytes. */
static bool read_descriptor(int descriptor, struct buffer *text, struct problem *problem)
{
    enum { CHUNK = 16384 };

    for (;;) {
        bool is_full = text->size == text->capacity;
        unsigned char *room = buffer_reserve(text, is_full ? CHUNK : 1);
        ssize_t size = room == NULL ? -1 : read(descriptor, room, text->capacity - text->size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return problem_set(problem, "nothing comes out of this pipe now, and a program that "
                                        "runs does not wait for it");
        if (size < 0)
            return problem_set(problem, "%s", strerror(errno));
        if (size == 0)
            return true;
        text->size += (size_t)size;
        if (text->size > FILE_MAX_BYTES)
            return problem_set(problem,
                               "it is larger than a megabyte: that is not a configuration");
    }
}

static void cannot_read(struct config_loader *loader, const char *why)
{
    struct problem problem;

    problem_set(&problem, "cannot read the configuration: %s", why);
    config_loader_wrong_file(loader, &problem);
}

/* Whether this is a pipe that another program has read already. */
static bool is_drained_pipe(int descriptor, const struct buffer *text)
{
    struct stat status;

    return text->size == 0 && fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode);
}

static bool has_text(const struct buffer *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (strchr(" \t\r\n", text->bytes[i]) == NULL || text->bytes[i] == '\0')
            return true;
    return false;
}

/* Whether what was read from the file can be a configuration. */
static bool check_text(int descriptor, const struct buffer *text,
                       const struct config_source *source, struct problem *problem)
{
    if (is_drained_pipe(descriptor, text))
        return problem_set(problem, "nothing comes out of this pipe");
    if (source->before != NULL && source->before->has_text && !has_text(text))
        return problem_set(problem, "it is empty, and was not when it was read before");
    return true;
}

/* Opens the file without waiting for a pipe's writer. -1 with errno. */
static int open_file(const struct config_source *source)
{
    int descriptor = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (descriptor >= 0 && source->before == NULL && fcntl(descriptor, F_SETFL, 0) < 0) {
        /* Then a slow writer is an error: EAGAIN. */
    }
    return descriptor;
}

static void read_file(struct config_loader *loader, const struct config_source *source)
{
    struct buffer text = {0};
    struct problem problem;
    int descriptor = open_file(source);
    bool was_there = source->before != NULL && source->before->of_file;

    if (descriptor < 0) {
        if (errno != ENOENT || source->must_exist || was_there)
            cannot_read(loader, strerror(errno));
        return;
    }
    loader->config->of_file = true;
    bool good = read_descriptor(descriptor, &text, &problem) &&
                check_text(descriptor, &text, source, &problem);
    loader->config->has_text = has_text(&text);
    if (good)
        config_loader_read(loader, (const char *)text.bytes, text.size);
    else
        cannot_read(loader, problem.text);
    (void)close(descriptor); /* it was only read */
    buffer_free(&text);
}

/* Completes the configuration, or frees it. */
static bool finish(struct config_loader *loader)
{
    if (!loader->failed)
        config_loader_complete(loader);
    free(loader->listeners_seen);
    if (loader->failed)
        config_free(loader->config);
    return !loader->failed;
}

bool config_load(const struct config_source *source, const struct config_report *report,
                 struct config *config)
{
    struct config_loader loader = {.config = config,
                                   .report = report,
                                   .name = source->path,
                                   .journal_file = source->journal_file};

    *config = (struct config){0};
    read_file(&loader, source);
    for (size_t i = 0; i < source->overrides_count; i++)
        config_loader_override(&loader, source->overrides[i]);
    return finish(&loader);
}

bool config_parse(const char *name, const char *text, size_t size,
                  const struct config_report *report, struct config *config)
{
    struct config_loader loader = {.config = config, .report = report, .name = name};

    *config = (struct config){0};
    config_loader_read(&loader, text, size);
    return finish(&loader);
}

/* Prints a list of networks, split into as many lines as it needs. */
static bool print_networks(FILE *out, const char *key, const char *list)
{
    const size_t room = CONFIG_LINE_MAX - strlen(key) - strlen(" = ");

    do {
        size_t size = strlen(list);
        if (size > room)
            for (size = room; list[size] != ' ';) /* an entry is much shorter */
                size--;
        if (fprintf(out, "%s =%s%.*s\n", key, size == 0 ? "" : " ", (int)size, list) < 0)
            return false;
        list += size;
        list += *list == ' ';
    } while (*list != '\0');
    return true;
}

static bool print_key(FILE *out, const struct config_option *option, const void *home)
{
    char line[CONFIG_LINE_MAX + 1];
    char room[CONFIG_VALUE_SIZE];
    const char *value = config_option_value(option, home, room);

    if (option->type == CONFIG_NETWORKS)
        return print_networks(out, option->key, value);
    if (!config_reader_write(option->key, value, line)) {
        errno = EINVAL;
        return false;
    }
    return fprintf(out, "%s\n", line) >= 0;
}

/* Prints a section's keys; the fields are in `home`, those of each listener in `listener`. */
static bool print_keys(FILE *out, enum config_section section, const void *home,
                       const struct config_listener *listener)
{
    for (size_t i = 0; i < config_options_count; i++) {
        const struct config_option *option = &config_options[i];
        const void *of = option->of_listener ? listener : home;
        if (option->section == section && of != NULL && !print_key(out, option, of))
            return false;
    }
    return true;
}

const char *config_listener_title(const struct config_listener *listener,
                                  char title[CONFIG_TITLE_SIZE])
{
    bool is_server = *listener->name == '\0';

    (void)snprintf(title, CONFIG_TITLE_SIZE, "[%s%s]", is_server ? "server" : "listener ",
                   listener->name); /* the loader takes no name that is too long */
    return title;
}

bool config_print(const struct config *config, FILE *out)
{
    char title[CONFIG_TITLE_SIZE];

    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        enum config_section section = (enum config_section)i;
        if (fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", config_section_names[i]) < 0 ||
            !print_keys(out, section, config, &config->server))
            return false;
    }
    for (size_t i = 0; i < config->listeners_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        if (fprintf(out, "\n%s\n", config_listener_title(listener, title)) < 0 ||
            !print_keys(out, CONFIG_SERVER, NULL, listener))
            return false;
    }
    return fflush(out) == 0;
}

static void free_texts(void *home, bool of_listener)
{
    for (size_t i = 0; i < config_options_count; i++)
        if (config_options[i].of_listener == of_listener)
            config_option_free(&config_options[i], home);
}

void config_free(struct config *config)
{
    free_texts(config, false);
    free_texts(&config->server, true);
    free(config->server.name);
    for (size_t i = 0; i < config->listeners_count; i++) {
        free_texts(&config->listeners[i], true);
        free(config->listeners[i].name);
    }
    free(config->listeners);
    *config = (struct config){0};
}
