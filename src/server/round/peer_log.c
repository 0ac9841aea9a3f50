#include "server/round/peer_log.h"

#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 512 };

/* The lines each address may cause: in the long run 1, 1 and 100 a second, and 1 a minute. */
static const struct log_rate refusal_rate = {.at_once = 1, .interval_us = 1000000};
static const struct log_rate warning_rate = {.at_once = 20, .interval_us = 1000000};
static const struct log_rate arrival_rate = {.at_once = 1000, .interval_us = 10000};
static const struct log_rate unexpected_rate = {.at_once = 1, .interval_us = 60 * 1000000};

/*
 * Logs a line that a connection caused, unless its address caused too many. The next line that is
 * logged says how many were not.
 */
static void log_limited(struct log_limit *limit, const struct log_rate *rate,
                        void (*log)(const char *format, ...), int64_t now_us,
                        const struct connection *connection, const char *line)
{
    uint64_t held;

    if (!log_limit_allows(limit, rate, &connection->key, now_us, &held))
        return;
    if (held == 0)
        log("%s", line);
    else
        log("%s (%" PRIu64 " more from this address were not logged)", line, held);
}

void peer_log_warning(struct peer_log *log, int64_t now_us, const struct connection *connection,
                      const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args); /* a longer one is cut */
    va_end(args);
    log_limited(&log->warnings, &warning_rate, log_warning, now_us, connection, line);
}

void peer_log_refusal(struct peer_log *log, int64_t now_us, const struct connection *connection,
                      const char *why)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof line, "refused %s: %s", connection->peer, why);
    log_limited(&log->refusals, &refusal_rate, log_warning, now_us, connection, line);
}

void peer_log_proxy_header(struct peer_log *log, int64_t now_us,
                           const struct connection *connection)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof line,
                   "%s sent a PROXY header, which is recorded as a message: if it is one of your "
                   "proxies, add its address to proxy_from",
                   connection->peer);
    log_limited(&log->proxies, &unexpected_rate, log_warning, now_us, connection, line);
}

void peer_log_relp_session(struct peer_log *log, int64_t now_us,
                           const struct connection *connection)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof line,
                   "%s began a RELP session, which is recorded like messages: if it is to be one, "
                   "set framing = relp for a listener of its own",
                   connection->peer);
    log_limited(&log->sessions, &unexpected_rate, log_warning, now_us, connection, line);
}

void peer_log_arrival(struct peer_log *log, int64_t now_us, const struct connection *connection)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof line, "connected by %s", connection->peer);
    log_limited(&log->arrivals, &arrival_rate, log_info, now_us, connection, line);
}
