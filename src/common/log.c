#include "common/log.h"

#include "common/clock.h"
#include "common/record.h"
#include "common/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 }; /* PIPE_BUF on Linux: one write() to a pipe is atomic */

const char *const log_level_names[] = {"error", "warning", "notice", "info",
                                       "debug", "trace",   NULL};
const char *const log_to_names[] = {"stderr", "syslog", NULL};
const char *const log_time_names[] = {"auto", "yes", "no", NULL};

static struct {
    const char *program;
    enum log_level level;
    enum log_to to;
    bool to_journal; /* standard error is systemd's journal */
    bool has_time;
    struct record_time time;
} log_state = {.program = "tcpack", .level = LOG_LEVEL_INFO, .to = LOG_TO_STDERR};

/* For log_trouble(). */
static struct {
    char text[LOG_TROUBLE_SIZE];
    int64_t wall_us;
} trouble;

/* For log_never_wait(). */
static struct {
    bool active;
    struct stream stream;
    char
        rest[LINE_MAX_BYTES]; /* of a line that was written in part; written before the next line */
    size_t rest_begin, rest_end;
    uint64_t dropped;
    uint64_t unreported; /* of these, not yet reported by a line */
} patience;

bool log_goes_to_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat status;

    if (stream == NULL || fstat(fd, &status) != 0)
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
    log_state.to_journal = to == LOG_TO_STDERR && log_goes_to_journal(STDERR_FILENO);
    if (to == LOG_TO_SYSLOG)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static bool is_regular(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

void log_set_time(enum log_time time)
{
    log_state.has_time =
        time == LOG_TIME_YES || (time == LOG_TIME_AUTO && is_regular(STDERR_FILENO));
}

static size_t format_line(enum log_level level, const char *format, va_list args,
                          char line[LINE_MAX_BYTES]) PRINTF_LIKE(2, 0);
static void note_trouble(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void write_line(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void log_at(enum log_level level, const char *format, va_list args) PRINTF_LIKE(2, 0);

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG, LOG_DEBUG};

static const char *const prefixes[] = {"error: ", "warning: ", "", "", "", ""};

/* Writes the beginning of a line, before the text; returns its length. */
static int write_head(enum log_level level, char line[LINE_MAX_BYTES])
{
    if (log_state.to_journal)
        return snprintf(line, LINE_MAX_BYTES, "<%d>%s", priorities[level], prefixes[level]);
    if (log_state.has_time) {
        record_time_set(&log_state.time, clock_wall_us());
        return snprintf(line, LINE_MAX_BYTES, "%s %s: %s", log_state.time.text, log_state.program,
                        prefixes[level]);
    }
    return snprintf(line, LINE_MAX_BYTES, "%s: %s", log_state.program, prefixes[level]);
}

/* Formats a line, cut if it is too long; returns its size. */
static size_t format_line(enum log_level level, const char *format, va_list args,
                          char line[LINE_MAX_BYTES])
{
    int head = write_head(level, line);
    size_t room = LINE_MAX_BYTES - (size_t)head - 1; /* one byte for the newline */
    int text = vsnprintf(line + head, room, format, args);
    size_t size = (size_t)head + (text < 0 ? 0 : (size_t)text < room ? (size_t)text : room - 1);

    line[size++] = '\n';
    return size;
}

static ssize_t write_stream(const char *bytes, size_t size)
{
    ssize_t written;

    do
        written = stream_write(&patience.stream, bytes, size);
    while (written < 0 && errno == EINTR);
    return written;
}

/* Whether the last line is complete. */
static bool write_rest(void)
{
    size_t size = patience.rest_end - patience.rest_begin;
    ssize_t written = size == 0 ? 0 : write_stream(patience.rest + patience.rest_begin, size);

    if (written > 0)
        patience.rest_begin += (size_t)written;
    return patience.rest_begin == patience.rest_end;
}

/* Writes the line, or what there is room for, and the rest later. False: nothing was written. */
static bool write_some(const char *line, size_t size)
{
    ssize_t written = write_rest() ? write_stream(line, size) : -1;

    if (written <= 0)
        return false;
    patience.rest_begin = 0;
    patience.rest_end = size - (size_t)written;
    memcpy(patience.rest, line + written, patience.rest_end);
    return true;
}

/* Whether every dropped line has been reported. */
static bool report_dropped(void)
{
    char line[LINE_MAX_BYTES];

    if (patience.unreported == 0)
        return true;
    int head = write_head(LOG_LEVEL_WARNING, line);
    int text = snprintf(line + head, sizeof line - (size_t)head,
                        "%" PRIu64 " log lines were dropped: standard error took no more\n",
                        patience.unreported);
    if (!write_some(line, (size_t)head + (size_t)text))
        return false;
    patience.unreported = 0;
    return true;
}

void log_never_wait(void)
{
    if (!patience.active)
        stream_open(&patience.stream, STDERR_FILENO);
    patience.active = true;
}

bool log_writes(enum log_level level)
{
    return level <= log_state.level;
}

uint64_t log_dropped(void)
{
    return patience.dropped;
}

const char *log_trouble(int64_t *wall_us)
{
    if (wall_us != NULL)
        *wall_us = trouble.wall_us;
    return trouble.text;
}

/* Keeps a warning or an error. */
static void note_trouble(enum log_level level, const char *format, va_list args)
{
    if (level > LOG_LEVEL_WARNING)
        return;
    int head = snprintf(trouble.text, sizeof trouble.text, "%s", prefixes[level]);
    (void)vsnprintf(trouble.text + head, sizeof trouble.text - (size_t)head, format, args);
    trouble.wall_us = clock_wall_us();
}

static void write_line(enum log_level level, const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    size_t size = format_line(level, format, args, line);

    if (!patience.active) {
        while (write(STDERR_FILENO, line, size) < 0 && errno == EINTR)
            continue; /* any other error cannot be reported anywhere */
    } else if (!report_dropped() || !write_some(line, size)) {
        patience.dropped++;
        patience.unreported++;
    }
}

static void log_at(enum log_level level, const char *format, va_list args)
{
    int saved = errno;
    va_list again;

    if (!log_writes(level))
        return;
    va_copy(again, args);
    note_trouble(level, format, again);
    va_end(again);
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
DEFINE_LEVEL(log_trace, LOG_LEVEL_TRACE)
