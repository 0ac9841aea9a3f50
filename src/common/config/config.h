/*
 * config.h: the configuration, tcpack.ini. Both programs read the same file with it; tcpack.ini(5)
 * is the reference of its keys.
 *
 * One table (options.c) has every option: section, key, type, range, default, and what a reload
 * does. Reading, defaults, config_print(), and the tests that compare the man page and the shipped
 * file with it all use this table. Reading is strict: anything unknown is an error with its line.
 */
#ifndef TCPACK_COMMON_CONFIG_CONFIG_H
#define TCPACK_COMMON_CONFIG_CONFIG_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum journal_format { JOURNAL_FORMAT_TEXT, JOURNAL_FORMAT_JSON };

/* [server], or a [listener NAME] with the keys it inherits. Texts are never NULL. */
struct config_listener {
    char *name; /* "" for [server] */
    char *host;
    uint64_t port;        /* 0: the kernel chooses */
    bool address_given;   /* the section itself sets host or port */
    uint64_t backlog;     /* connections */
    uint64_t buffer_size; /* bytes */
    uint64_t framing;     /* enum framing */
    bool acknowledge;
    char *reply;                      /* as written; reply.h compiles it */
    bool explain;                     /* say why a message or a client is refused */
    uint64_t max_message;             /* bytes */
    uint64_t max_clients_per_address; /* connections, 0: no limit */
    uint64_t idle_timeout;            /* seconds, 0: never */
    uint64_t stall_timeout;           /* seconds, 0: never */
    uint64_t keepalive;               /* seconds, 0: off */
    uint64_t socket_mode;             /* permissions of a Unix socket */
    char *allow;                      /* address lists as written */
    char *deny;
    char *proxy_from;
    char *health_check; /* as written, with escapes */
};

struct config {
    bool of_file;  /* the file existed */
    bool has_text; /* and contained more than blanks and empty lines */
    struct config_listener server;
    uint64_t max_clients; /* connections, 0: as many as the descriptor limit allows */
    char *user;           /* "": do not change */
    char *group;

    struct config_listener *listeners; /* the [listener NAME] sections, in the file's order */
    size_t listeners_count;

    struct {
        char *file;      /* "-": standard output */
        bool file_given; /* the configuration sets it */
        uint64_t format; /* enum journal_format */
        bool sync;
        uint64_t mode;    /* permissions of a new file */
        char *postgresql; /* connection string; "": the journal is `file` */
        uint64_t replicas;
        uint64_t commit_timeout; /* seconds */
    } journal;

    struct {
        uint64_t level; /* enum log_level */
        uint64_t to;    /* enum log_to */
        uint64_t time;  /* enum log_time */
    } log;

    struct {
        char *file;        /* "": none */
        uint64_t interval; /* seconds */
        char *listen;      /* for HTTP; "": not at all */
    } metrics;

    struct {
        /*
         * host, port and framing are those of [server] unless [client] sets them; the host of a
         * server that listens on every address becomes the loopback address.
         */
        char *host;
        uint64_t port; /* 0: only the server's start line names it */
        uint64_t framing;
        uint64_t timeout; /* seconds */
        uint64_t window;  /* messages */
        uint64_t window_bytes;
        char *prompt;
    } client;
};

/* Bytes of the longest title, with the NUL. */
enum { CONFIG_TITLE_SIZE = 48 };

/* The listener's section as the file writes it, `[server]` or `[listener NAME]`; returns `title`.
 */
const char *config_listener_title(const struct config_listener *listener,
                                  char title[CONFIG_TITLE_SIZE]);

/* Receives each error as one line without newline, ready to be logged. */
struct config_report {
    void (*error)(void *context, const char *line);
    void *context;
};

/*
 * What to read. An override is `section.key=value`, or `listener NAME.key=value` (which adds that
 * listener if the file has none), with a value as in the file, except that a `;` in it begins no
 * comment. If a key is overridden several times, the last one counts.
 */
struct config_source {
    const char *path;             /* the file */
    bool must_exist;              /* false: an absent file is an empty one */
    const char *const *overrides; /* from -o; they override the file */
    size_t overrides_count;
    const char *journal_file; /* the default of [journal] file; NULL: that of the table */
    /*
     * For a reload, the configuration in effect; otherwise NULL. A file that existed must still
     * exist, and contain text if it did (an editor may be about to write it); a pipe is not waited
     * for.
     */
    const struct config *before;
};

/*
 * Fills *config from the source. True: the caller gives it to config_free(). False: every error was
 * reported as `FILE:LINE: what is wrong`, and *config is empty. The only function here that opens
 * a file.
 */
bool config_load(const struct config_source *source, const struct config_report *report,
                 struct config *config) MUST_USE;

/* The same from a text in memory; errors name it `name`. For tests and fuzzing. */
bool config_parse(const char *name, const char *text, size_t size,
                  const struct config_report *report, struct config *config) MUST_USE;

/*
 * Writes the configuration as INI, every key with its value; reading it gives the same
 * configuration again. False with errno if writing failed.
 */
bool config_print(const struct config *config, FILE *out) MUST_USE;

void config_free(struct config *config);

#endif
