/*
 * log.h: the log lines of a program, `tcpackd: text`, `tcpackd: warning: text`, `tcpackd: error:
 * text`, to standard error or to syslog. Library parts do not log: they return errors, and the
 * program's top level logs each one once.
 *
 * The caller escapes bytes received from a peer with escape_text() (escape.h) before it logs them.
 * These functions preserve errno.
 */
#ifndef TCPACK_COMMON_LOG_H
#define TCPACK_COMMON_LOG_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG, /* each connection's life */
    LOG_LEVEL_TRACE, /* each round and commit: what happens thousands of times a second */
};

enum log_to { LOG_TO_STDERR, LOG_TO_SYSLOG };

/* Whether lines on standard error begin with the time. AUTO: if it is a regular file. */
enum log_time { LOG_TIME_AUTO, LOG_TIME_YES, LOG_TIME_NO };

/* The names, in the order of the enums, ended by NULL, as in the configuration. */
extern const char *const log_level_names[];
extern const char *const log_to_names[];
extern const char *const log_time_names[];

/*
 * Sets where lines go and the least severe level that is written. `program` must stay valid. May
 * be called again. Before the first call: standard error, info, program "tcpack".
 *
 * If standard error is systemd's journal ($JOURNAL_STREAM), a line has the form `<4>warning: text`:
 * the journal strips the priority (sd-daemon(3)) and adds the program's name itself.
 */
void log_open(const char *program, enum log_level level, enum log_to to);

/*
 * Whether lines begin with the time, in the form that records have. Before the first call: no.
 * Lines to syslog and to systemd's journal never do: these add it themselves.
 */
void log_set_time(enum log_time time);

/*
 * From now on no line waits for the reader of standard error. A line for which the pipe, terminal,
 * socket or disk has no room is dropped and counted; before the next line that is written, another
 * says how many were dropped. For a program that must not stop because its reader has stopped.
 * Lines to syslog can still wait: syslog(3) may.
 */
void log_never_wait(void);

/*
 * Whether lines of this level are written. Ask before a line whose arguments cost something to
 * compute, and before lines of level trace.
 */
bool log_writes(enum log_level level) MUST_USE;

/* Lines dropped so far. */
uint64_t log_dropped(void) MUST_USE;

/*
 * The last warning or error, `warning: text`, cut to LOG_TROUBLE_SIZE; "" before the first. If
 * wall_us is not NULL, *wall_us is when it was logged.
 */
const char *log_trouble(int64_t *wall_us);

enum { LOG_TROUBLE_SIZE = 512 }; /* bytes, with the NUL */

/* Whether `fd` is the stream to systemd's journal that systemd announced (systemd.exec(5)). */
bool log_goes_to_journal(int fd) MUST_USE;

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_notice(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
void log_trace(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
