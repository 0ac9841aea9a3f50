#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 }; /* one write() of it to a pipe is not torn: PIPE_BUF on Linux */

const char *const log_level_names[] = {"error", "warning", "notice", "info", "debug", NULL};
const char *const log_to_names[] = {"stderr", "syslog", NULL};

static struct {
    const char *program;
    enum log_level level;
    enum log_to to;
    bool to_journal; /* systemd's: standard error goes there */
} log_state = {"tcpack", LOG_LEVEL_INFO, LOG_TO_STDERR, false};

/* Whether standard error is the stream that systemd says goes to its journal (systemd.exec(5)). */
static bool goes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat status;

    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_open(const char *program, enum log_level level, enum log_to to)
{
    if (log_state.to == LOG_TO_SYSLOG)
        closelog();
    log_state.program = program;
    log_state.level = level;
    log_state.to = to;
    log_state.to_journal = to == LOG_TO_STDERR && goes_to_journal();
    if (to == LOG_TO_SYSLOG)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static void write_line(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void log_at(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};

/* Writes what stands in front of the text; returns its length. */
static int write_head(enum log_level level, char line[LINE_MAX_BYTES])
{
    static const char *const prefixes[] = {"error: ", "warning: ", "", "", ""};

    if (log_state.to_journal)
        return snprintf(line, LINE_MAX_BYTES, "<%d>%s", priorities[level], prefixes[level]);
    return snprintf(line, LINE_MAX_BYTES, "%s: %s", log_state.program, prefixes[level]);
}

static void write_line(enum log_level level, const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    int head = write_head(level, line);
    size_t room = sizeof line - (size_t)head - 1; /* one byte for the newline */
    int text = vsnprintf(line + head, room, format, args);
    size_t size = (size_t)head + (text < 0 ? 0 : (size_t)text < room ? (size_t)text : room - 1);

    line[size++] = '\n';
    while (write(STDERR_FILENO, line, size) < 0 && errno == EINTR)
        continue; /* after another error there is nowhere left to say it */
}

static void log_at(enum log_level level, const char *format, va_list args)
{
    int saved = errno;

    if (level > log_state.level)
        return;
    if (log_state.to == LOG_TO_SYSLOG)
        vsyslog(priorities[level], format, args);
    else
        write_line(level, format, args);
    errno = saved;
}

#define DEFINE_LEVEL(name, level)                                                                  \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        log_at(level, format, args);                                                               \
        va_end(args);                                                                              \
    }

DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR)
DEFINE_LEVEL(log_warning, LOG_LEVEL_WARNING)
DEFINE_LEVEL(log_notice, LOG_LEVEL_NOTICE)
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO)
DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG)
