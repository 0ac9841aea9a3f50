/*
 * options.h: the one table of every option of tcpack.ini, and the functions on one. For the
 * files of this folder, the tests and the reload; everything else reads struct config. Pure.
 */
#ifndef TCPACK_COMMON_CONFIG_OPTIONS_H
#define TCPACK_COMMON_CONFIG_OPTIONS_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_section {
    CONFIG_SERVER, /* and every [listener NAME] */
    CONFIG_JOURNAL,
    CONFIG_LOG,
    CONFIG_METRICS,
    CONFIG_CLIENT,
    CONFIG_SECTIONS
};

/* The names, in the order of the enum. */
extern const char *const config_section_names[CONFIG_SECTIONS];

enum config_type {
    CONFIG_TEXT,     /* char *; min: fewest bytes */
    CONFIG_NUMBER,   /* uint64_t, decimal; min, max */
    CONFIG_MODE,     /* uint64_t, octal; max */
    CONFIG_YES_NO,   /* bool */
    CONFIG_NAME,     /* uint64_t, an index of names */
    CONFIG_NETWORKS, /* char *, a list for network.h, one blank between two entries */
};

/* What a number counts: bytes may be written with K, M or G; seconds without a unit. */
enum config_unit { CONFIG_UNIT_NONE, CONFIG_UNIT_BYTES, CONFIG_UNIT_SECONDS };

/* When a value that a reload changes takes effect. */
enum config_reload {
    CONFIG_RELOAD_UNSAID, /* not used: every row of the table says something else */
    CONFIG_AT_ONCE,       /* also for open connections */
    CONFIG_FOR_NEW_CONNECTIONS,
    CONFIG_AFTER_RESTART,
    CONFIG_OF_CLIENT, /* only tcpack uses it */
};

struct config_option {
    enum config_section section;
    const char *key;
    enum config_reload reload;
    enum config_type type;
    bool of_listener;  /* each listener has it, and [server]: the offset is in config_listener */
    size_t offset;     /* of the field, in struct config or struct config_listener */
    const char *value; /* the default; NULL: the value of the same key in [server] */
    uint64_t min, max;
    enum config_unit unit;                                    /* of a number */
    const char *const *names;                                 /* ended by NULL */
    bool (*check)(const char *text, struct problem *problem); /* of a text; or NULL */
    bool free_text; /* free text, which may contain " ;" */
};

/* The table, in the order in which config_print() writes the keys. */
extern const struct config_option config_options[];
extern const size_t config_options_count;

/* Size of an array with an entry for each option; options.c asserts that it is large enough. */
enum { CONFIG_OPTIONS_MAX = 64 };

/* Bytes, with the NUL, that hold any value except a text. */
enum { CONFIG_VALUE_SIZE = 24 };

/* NULL if the section has no such key. */
const struct config_option *config_option_find(enum config_section section, const char *key);

/*
 * Sets the option's field from a value as in the file, without quotes. `home` is the struct that
 * the offset counts from; the field's old text is freed. False with the problem, and the field
 * unchanged, if the value is not allowed.
 */
bool config_option_set(const struct config_option *option, void *home, const char *value,
                       struct problem *problem) MUST_USE;

/* The same for a list of networks, which is added to the field's list. */
bool config_option_add(const struct config_option *option, void *home, const char *value,
                       struct problem *problem) MUST_USE;

/*
 * Sets the option's field to the value of another one, of the same type, which is set. False with
 * the problem, and the field unchanged, if there is no memory.
 */
bool config_option_copy(const struct config_option *option, void *home,
                        const struct config_option *from, const void *from_home,
                        struct problem *problem) MUST_USE;

/* The option's value as text: the field's own, a static text, or one written to `room`. */
const char *config_option_value(const struct config_option *option, const void *home,
                                char room[CONFIG_VALUE_SIZE]);

/* Frees the field's text, if it has one. */
void config_option_free(const struct config_option *option, void *home);

#endif
