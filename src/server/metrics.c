#include "server/metrics.h"

#include "common/compiler.h"
#include "common/replace_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { US_PER_SECOND = 1000000 };

static const char *const refusal_names[] = {"access", "address_limit", "proxy", "memory"};
static const char *const end_names[] = {"peer", "reset",   "too_long", "malformed", "http",
                                        "idle", "stalled", "journal",  "memory",    "stop"};

_Static_assert(sizeof refusal_names / sizeof refusal_names[0] == METRICS_REFUSALS,
               "a name for each refusal");
_Static_assert(sizeof end_names / sizeof end_names[0] == METRICS_ENDS, "a name for each end");

/* Upper bounds of the histogram's buckets, and how Prometheus text writes them, in seconds. */
static const struct {
    int64_t us;
    const char *seconds;
} sync_bounds[METRICS_SYNC_BUCKETS] = {
    {50, "5e-05"},    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
    {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"}, {1000000, "1"},   {5000000, "5"},
};

const char *metrics_refusal_name(enum metrics_refusal refusal)
{
    return refusal_names[refusal];
}

const char *metrics_end_name(enum metrics_end end)
{
    return end_names[end];
}

void metrics_count_sync(struct metrics *metrics, int64_t us)
{
    size_t bucket = 0;

    while (bucket < METRICS_SYNC_BUCKETS && us > sync_bounds[bucket].us)
        bucket++;
    metrics->syncs[bucket]++;
    metrics->sync_us += us;
}

static bool add_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    return buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool add_counter(struct buffer *out, const char *name, uint64_t value, const char *help)
{
    return add_head(out, name, "counter", help) &&
           buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

static bool add_gauge(struct buffer *out, const char *name, uint64_t value, const char *help)
{
    return add_head(out, name, "gauge", help) &&
           buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* One counter for each reason. */
static bool add_reasons(struct buffer *out, const char *name, const char *const *reasons,
                        const uint64_t *values, size_t count, const char *help)
{
    bool done = add_head(out, name, "counter", help);

    for (size_t i = 0; done && i < count; i++)
        done = buffer_printf(out, "%s{reason=\"%s\"} %" PRIu64 "\n", name, reasons[i], values[i]);
    return done;
}

/* Microseconds as seconds; no floating point, whose format depends on the locale. */
static bool add_seconds(struct buffer *out, const char *name, int64_t us)
{
    return buffer_printf(out, "%s %" PRId64 ".%06" PRId64 "\n", name, us / US_PER_SECOND,
                         us % US_PER_SECOND);
}

static bool add_syncs(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = "tcpackd_journal_sync_seconds";
    uint64_t count = 0;
    bool done = add_head(out, name, "histogram",
                         "Time that fdatasync(), or PostgreSQL, took for a commit.");

    for (size_t i = 0; done && i < METRICS_SYNC_BUCKETS; i++) {
        count += metrics->syncs[i];
        done = buffer_printf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name,
                             sync_bounds[i].seconds, count);
    }
    count += metrics->syncs[METRICS_SYNC_BUCKETS];
    return done && buffer_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count) &&
           add_seconds(out, "tcpackd_journal_sync_seconds_sum", metrics->sync_us) &&
           buffer_printf(out, "%s_count %" PRIu64 "\n", name, count);
}

static bool add_messages(struct buffer *out, const struct metrics *metrics)
{
    return add_counter(out, "tcpackd_messages_total", metrics->messages, "Messages recorded.") &&
           add_counter(out, "tcpackd_message_bytes_total", metrics->message_bytes,
                       "Bytes of the messages recorded, without terminators.") &&
           add_counter(out, "tcpackd_received_bytes_total", metrics->received_bytes,
                       "Bytes received from clients.") &&
           add_counter(out, "tcpackd_sent_bytes_total", metrics->replied_bytes,
                       "Bytes of replies sent to clients.");
}

static bool add_journal(struct buffer *out, const struct metrics *metrics)
{
    return add_counter(out, "tcpackd_journal_commits_total", metrics->commits,
                       "Batches of records written to the journal.") &&
           add_counter(out, "tcpackd_journal_bytes_total", metrics->journal_bytes,
                       "Bytes written to the journal.") &&
           add_counter(out, "tcpackd_journal_errors_total", metrics->journal_errors,
                       "Batches that could not be written; their clients were not answered.") &&
           add_counter(
               out, "tcpackd_journal_burned_total", metrics->burned,
               "Numbers not used again because PostgreSQL did not say whether it recorded.") &&
           add_counter(out, "tcpackd_journal_reconnects_total", metrics->reconnects,
                       "Times that PostgreSQL was connected again.") &&
           add_gauge(out, "tcpackd_journal_sequence", metrics->sequence,
                     "Number of the last record in the journal.") &&
           add_syncs(out, metrics);
}

static bool add_connections(struct buffer *out, const struct metrics *metrics)
{
    return add_gauge(out, "tcpackd_connections", metrics->open, "Connections open now.") &&
           add_counter(out, "tcpackd_connections_accepted_total", metrics->accepted,
                       "Connections accepted, including those refused.") &&
           add_reasons(out, "tcpackd_connections_refused_total", refusal_names, metrics->refused,
                       METRICS_REFUSALS, "Connections closed before a message, by reason.") &&
           add_reasons(out, "tcpackd_connections_closed_total", end_names, metrics->ended,
                       METRICS_ENDS, "Connections that ended, by reason.") &&
           add_counter(out, "tcpackd_accept_pauses_total", metrics->accept_pauses,
                       "Times that accepting paused because a limit was reached.") &&
           add_counter(out, "tcpackd_health_checks_total", metrics->health_checks,
                       "Health checks of balancers, which are not recorded.");
}

static bool add_server(struct buffer *out, const struct metrics *metrics)
{
    static const char start[] = "tcpackd_start_time_seconds";

    return add_counter(out, "tcpackd_reloads_total", metrics->reloads,
                       "Times that the configuration was read again and took effect.") &&
           add_counter(out, "tcpackd_reload_errors_total", metrics->reload_errors,
                       "Times that it was invalid and nothing changed.") &&
           add_counter(out, "tcpackd_log_lines_dropped_total", metrics->log_dropped,
                       "Lines of the log for which standard error had no room.") &&
           add_head(out, start, "gauge", "When the server started, seconds since 1970.") &&
           add_seconds(out, start, metrics->started_wall_us);
}

bool metrics_format(const struct metrics *metrics, struct buffer *out)
{
    size_t before = out->size;

    if (add_messages(out, metrics) && add_journal(out, metrics) && add_connections(out, metrics) &&
        add_server(out, metrics))
        return true;
    out->size = before;
    return false;
}

static uint64_t sum(const uint64_t *values, size_t count)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

bool metrics_summarize(const struct metrics *metrics, struct buffer *out)
{
    uint64_t syncs = sum(metrics->syncs, METRICS_SYNC_BUCKETS + 1);
    int64_t mean_us = syncs == 0 ? 0 : metrics->sync_us / (int64_t)syncs;

    return buffer_printf(
        out,
        "%" PRIu64 " messages (%" PRIu64 " bytes) in %" PRIu64 " commits, last record %" PRIu64
        "; %" PRIu64 " connections open, %" PRIu64 " accepted, %" PRIu64 " refused; %" PRIu64
        " syncs of %" PRId64 " us on average; %" PRIu64 " journal errors",
        metrics->messages, metrics->message_bytes, metrics->commits, metrics->sequence,
        metrics->open, metrics->accepted, sum(metrics->refused, METRICS_REFUSALS), syncs, mean_us,
        metrics->journal_errors);
}

bool metrics_write_file(const char *path, const struct buffer *text, struct problem *problem)
{
    int fd = replace_file(
        &(struct replacement){
            .path = path, .suffix = ".tmp", .bytes = text->bytes, .size = text->size},
        problem);

    if (fd >= 0)
        (void)close(fd); /* a new file will replace it soon */
    return fd >= 0;
}

bool metrics_remove_file(const char *path, struct problem *problem)
{
    return replace_file_remove(path, problem);
}
