/*
 * settings.h: a configuration that the server works by, with what is compiled from it. A reload
 * makes a new one; the old one lives as long as a connection came in by a section that is gone.
 */
#ifndef TCPACK_SERVER_SETTINGS_H
#define TCPACK_SERVER_SETTINGS_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/config/config.h"
#include "common/network.h"
#include "common/reply.h"
#include "server/journal/journal.h"

#include <stddef.h>

struct settings;

/* What holds for the connections of a [server] or [listener NAME] section. */
struct listener_settings {
    struct settings *all;                 /* that it is part of */
    const struct config_listener *config; /* in all->config */
    struct reply *reply;                  /* compiled from config->reply; owned */
    struct network_list allow, deny, proxy_from;
    struct buffer health_check; /* the message's bytes; empty: there is none */
};

struct settings {
    struct config config;
    struct listener_settings *sections; /* [server] first, then each [listener NAME] */
    size_t count;
    size_t holders;
};

/*
 * The settings of a valid configuration, held once: by the caller. Takes the configuration over,
 * whatever it returns. NULL, and *problem says why (static text).
 */
struct settings *settings_new(struct config *config, const char **problem) MUST_USE;

/* One holder more, one less: the last one frees them. NULL is allowed. */
void settings_hold(struct settings *settings);
void settings_release(struct settings *settings);

/* The section of that name ("" is [server]'s); NULL where there is none. */
const struct listener_settings *settings_find(const struct settings *settings, const char *name);

/* What the journal is to be opened with; valid as long as the settings. */
struct journal_options settings_journal(const struct settings *settings);

/* The largest buffer_size of all sections, bytes. */
size_t settings_buffer_size(const struct settings *settings);

#endif
