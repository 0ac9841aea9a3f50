#include "server/settings.h"

#include "common/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The configuration is valid: it can only fail for want of memory. */
static bool compile(struct listener_settings *section, struct problem *problem)
{
    section->reply = reply_compile(section->config->reply, problem);
    return section->reply != NULL &&
           network_list_parse(section->config->allow, &section->allow, problem) &&
           network_list_parse(section->config->deny, &section->deny, problem) &&
           network_list_parse(section->config->proxy_from, &section->proxy_from, problem) &&
           escape_decode(section->config->health_check, strlen(section->config->health_check),
                         &section->health_check, problem);
}

static bool compile_all(struct settings *settings, struct problem *problem)
{
    settings->sections = calloc(settings->config.listeners_count + 1, sizeof *settings->sections);
    if (settings->sections == NULL)
        return problem_set(problem, "%s", strerror(ENOMEM));
    for (size_t at = 0; at <= settings->config.listeners_count; at++) {
        struct listener_settings *section = &settings->sections[settings->count++];
        section->all = settings;
        section->config = at == 0 ? &settings->config.server : &settings->config.listeners[at - 1];
        if (!compile(section, problem))
            return false;
    }
    return true;
}

struct settings *settings_new(struct config *config, struct problem *problem)
{
    struct settings *settings = calloc(1, sizeof *settings);

    if (settings == NULL) {
        config_free(config);
        problem_set(problem, "%s", strerror(ENOMEM));
        return NULL;
    }
    settings->config = *config;
    *config = (struct config){0};
    settings->holders = 1;
    if (!compile_all(settings, problem)) {
        settings_release(settings);
        return NULL;
    }
    return settings;
}

void settings_hold(struct settings *settings)
{
    settings->holders++;
}

void settings_release(struct settings *settings)
{
    if (settings == NULL || --settings->holders > 0)
        return;
    for (size_t at = 0; at < settings->count; at++) {
        reply_free(settings->sections[at].reply);
        network_list_free(&settings->sections[at].allow);
        network_list_free(&settings->sections[at].deny);
        network_list_free(&settings->sections[at].proxy_from);
        buffer_free(&settings->sections[at].health_check);
    }
    free(settings->sections);
    config_free(&settings->config);
    free(settings);
}

const struct listener_settings *settings_find(const struct settings *settings, const char *name)
{
    for (size_t at = 0; at < settings->count; at++)
        if (strcmp(settings->sections[at].config->name, name) == 0)
            return &settings->sections[at];
    return NULL;
}

size_t settings_scratch_size(const struct settings *settings)
{
    size_t largest = SETTINGS_AUTO_BUFFER_MIN;

    for (size_t at = 0; at < settings->count; at++)
        if (settings->sections[at].config->buffer_size > largest)
            largest = settings->sections[at].config->buffer_size;
    return 2 * largest;
}
