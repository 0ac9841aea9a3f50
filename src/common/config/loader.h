/*
 * loader.h: puts the lines of a file, and overrides, into a struct config. Only for this folder.
 * Pure.
 */
#ifndef TCPACK_COMMON_CONFIG_LOADER_H
#define TCPACK_COMMON_CONFIG_LOADER_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/config/options.h"
#include "common/config/reader.h"

#include <stdbool.h>
#include <stddef.h>

/* What set a key: a line of the file, or an override. 0 and NULL: nothing did. */
struct config_where {
    size_t line;
    const char *override;
};

/* The line at which a section began, and what set its keys, in the order of config_options. */
struct config_seen {
    size_t section; /* 0: the file has no such section */
    struct config_where keys[CONFIG_OPTIONS_MAX];
};

enum { CONFIG_NO_LISTENER = -1 };

/* A section of the configuration. */
struct config_place {
    enum config_section section;
    ptrdiff_t listener; /* index of config->listeners, or CONFIG_NO_LISTENER */
};

/* Begins with `config` empty and the pointers below set, everything else zeroed. */
struct config_loader {
    struct config *config;
    const struct config_report *report;
    const char *name;         /* of the file */
    const char *journal_file; /* the default of [journal] file; NULL: that of the table */
    bool failed;              /* an error was reported */

    const char *override; /* the one being read; NULL while it is the file */
    struct config_reader reader;
    struct config_place place; /* the section that the reader is in */
    struct config_seen seen[CONFIG_SECTIONS];
    struct config_seen *listeners_seen; /* of config->listeners; the loader's owner frees it */
};

/* Reads the file's text. Reports errors with their lines. */
void config_loader_read(struct config_loader *loader, const char *text, size_t size);

/* Reads `section.key=value`, which overrides the file. Reports likewise. */
void config_loader_override(struct config_loader *loader, const char *override);

/*
 * After everything was read without an error: gives every key that was not set its default or
 * inherited value, and reports keys that contradict each other.
 */
void config_loader_complete(struct config_loader *loader);

/* Reports a problem of a line or an override. */
void config_loader_wrong_at(struct config_loader *loader, struct config_where where,
                            const char *format, ...) PRINTF_LIKE(3, 4);

/* What was seen of a section. */
struct config_seen *config_loader_seen(struct config_loader *loader, struct config_place place);

/* Whether something set the key. */
bool config_where_is_set(struct config_where where);

/* Reports a problem of the file as a whole. */
void config_loader_wrong_file(struct config_loader *loader, const struct problem *problem);

#endif
