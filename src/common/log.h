/*
 * log.h: the log lines of a program, `tcpackd: text`, `tcpackd: warning: text`, `tcpackd: error:
 * text`, to standard error or to syslog. Both programs use it; library parts do not: they return
 * errors, and the program's edge logs each once.
 *
 * Bytes that came from a peer are escaped by the caller with escape_text() (escape.h) before they
 * go into a line. errno is the same after a call as before.
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

/* The names, in the order of the enums, ended by NULL: what the configuration calls them. */
extern const char *const log_level_names[];
extern const char *const log_to_names[];

/*
 * Under systemd, where standard error goes to its journal ($JOURNAL_STREAM), lines have the form
 * `<4>warning: text` there: the priority for it to take off (sd-daemon(3)), and no program name,
 * which it adds.
 *
 * Sets where lines go and the least severe level that is written. `program` must stay valid. May
 * be called again. Before the first call: standard error, info, program "tcpack".
 */
void log_open(const char *program, enum log_level level, enum log_to to);

/*
 * From now on no line waits for the reader of standard error: a line for which there is no room in
 * the pipe, the terminal or the socket, or on the disk, is dropped and counted, and the next one
 * that is written is preceded by one that says how many were dropped. For a program that must not
 * stop because somebody has stopped reading. Syslog is not concerned: syslog(3) may wait.
 */
void log_never_wait(void);

/*
 * Whether lines of this level are written. To be asked before a line whose arguments cost something
 * to compute, and before lines of level trace.
 */
bool log_writes(enum log_level level) MUST_USE;

/* Lines dropped so far. */
uint64_t log_dropped(void) MUST_USE;

/* Whether `fd` is the stream that systemd says goes to its journal (systemd.exec(5)). */
bool log_goes_to_journal(int fd) MUST_USE;

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_notice(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
void log_trace(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
