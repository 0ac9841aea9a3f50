#include "server/metrics.h"

#include "common/compiler.h"
#include "common/replace_file.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
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
} bounds[METRICS_BUCKETS] = {
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

void metrics_count_time(struct metrics_histogram *histogram, int64_t us)
{
    size_t bucket = 0;

    while (bucket < METRICS_BUCKETS && us > bounds[bucket].us)
        bucket++;
    histogram->counts[bucket]++;
    histogram->us += us;
}

/* Adds a section. NULL: out of memory. */
static struct metrics_listener *add_section(struct metrics *metrics, const char *name)
{
    size_t size = (metrics->listeners_count + 1) * sizeof *metrics->listeners;
    struct metrics_listener *all = realloc(metrics->listeners, size);
    char *copy = strdup(name);

    if (all != NULL)
        metrics->listeners = all;
    if (all == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    all[metrics->listeners_count] = (struct metrics_listener){.name = copy};
    return &all[metrics->listeners_count++];
}

struct metrics_listener *metrics_listener(struct metrics *metrics, const char *name)
{
    if (*name == '\0')
        name = "server";
    for (size_t i = 0; i < metrics->listeners_count; i++)
        if (strcmp(metrics->listeners[i].name, name) == 0)
            return &metrics->listeners[i];
    return add_section(metrics, name);
}

void metrics_free(struct metrics *metrics)
{
    for (size_t i = 0; i < metrics->listeners_count; i++)
        free(metrics->listeners[i].name);
    free(metrics->listeners);
    metrics->listeners = NULL;
    metrics->listeners_count = 0;
}

/* Three texts: most of these lines are made of some. */
static bool add(struct buffer *out, const char *one, const char *two, const char *three)
{
    return buffer_append_text(out, one) && buffer_append_text(out, two) &&
           buffer_append_text(out, three);
}

static bool add_value(struct buffer *out, uint64_t value)
{
    return buffer_append_decimal(out, value) && buffer_append_text(out, "\n");
}

static bool add_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    return add(out, "# HELP ", name, " ") && add(out, help, "\n# TYPE ", name) &&
           add(out, " ", type, "\n");
}

static bool add_counter(struct buffer *out, const char *name, uint64_t value, const char *help)
{
    return add_head(out, name, "counter", help) && add(out, name, " ", "") && add_value(out, value);
}

static bool add_gauge(struct buffer *out, const char *name, uint64_t value, const char *help)
{
    return add_head(out, name, "gauge", help) && add(out, name, " ", "") && add_value(out, value);
}

/* One counter for each reason. */
static bool add_reasons(struct buffer *out, const char *name, const char *const *reasons,
                        const uint64_t *values, size_t count, const char *help)
{
    bool done = add_head(out, name, "counter", help);

    for (size_t i = 0; done && i < count; i++)
        done = add(out, name, "{reason=\"", reasons[i]) && buffer_append_text(out, "\"} ") &&
               add_value(out, values[i]);
    return done;
}

/* Microseconds as seconds; no floating point, whose format depends on the locale. */
static bool add_seconds(struct buffer *out, const char *name, int64_t us)
{
    return buffer_printf(out, "%s %" PRId64 ".%06" PRId64 "\n", name, us / US_PER_SECOND,
                         us % US_PER_SECOND);
}

static bool add_histogram(struct buffer *out, const char *name,
                          const struct metrics_histogram *histogram, const char *help)
{
    uint64_t count = 0;
    bool done = add_head(out, name, "histogram", help);

    for (size_t i = 0; done && i < METRICS_BUCKETS; i++) {
        count += histogram->counts[i];
        done = add(out, name, "_bucket{le=\"", bounds[i].seconds) &&
               buffer_append_text(out, "\"} ") && add_value(out, count);
    }
    count += histogram->counts[METRICS_BUCKETS];
    return done &&
           buffer_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum", name, count, name) &&
           add_seconds(out, "", histogram->us) &&
           buffer_printf(out, "%s_count %" PRIu64 "\n", name, count);
}

/* One counter for each section. `offset`: of the value in struct metrics_listener. */
static bool add_sections(struct buffer *out, const struct metrics *metrics, const char *name,
                         size_t offset, const char *help)
{
    bool done = metrics->listeners_count == 0 || add_head(out, name, "counter", help);

    for (size_t i = 0; done && i < metrics->listeners_count; i++) {
        const struct metrics_listener *listener = &metrics->listeners[i];
        done = add(out, name, "{listener=\"", listener->name) && buffer_append_text(out, "\"} ") &&
               add_value(out, *(const uint64_t *)((const char *)listener + offset));
    }
    return done;
}

static bool add_listeners(struct buffer *out, const struct metrics *metrics)
{
    return add_sections(out, metrics, "tcpackd_listener_messages_total",
                        offsetof(struct metrics_listener, messages),
                        "Messages recorded, by listener.") &&
           add_sections(out, metrics, "tcpackd_listener_connections_accepted_total",
                        offsetof(struct metrics_listener, accepted),
                        "Connections accepted, by listener.");
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
           add_gauge(out, "tcpackd_journal_failing", metrics->journal_failing,
                     "Whether the last batch could not be written: 1 or 0.") &&
           add_histogram(out, "tcpackd_journal_commit_seconds", &metrics->commits_taken,
                         "Time that a commit to the journal took, with its fdatasync().") &&
           add_histogram(out, "tcpackd_journal_sync_seconds", &metrics->syncs,
                         "Time that fdatasync(), or PostgreSQL, took for a commit.");
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
           add_head(out, "tcpackd_build_info", "gauge", "The version of tcpackd; always 1.") &&
           buffer_printf(out, "tcpackd_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION) &&
           add_head(out, start, "gauge", "When the server started, seconds since 1970.") &&
           add_seconds(out, start, metrics->started_wall_us);
}

bool metrics_format(const struct metrics *metrics, struct buffer *out)
{
    size_t before = out->size;

    if (add_messages(out, metrics) && add_journal(out, metrics) && add_connections(out, metrics) &&
        add_listeners(out, metrics) && add_server(out, metrics))
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
    uint64_t syncs = sum(metrics->syncs.counts, METRICS_BUCKETS + 1);
    int64_t mean_us = syncs == 0 ? 0 : metrics->syncs.us / (int64_t)syncs;

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
