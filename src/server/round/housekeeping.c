#include "server/round/housekeeping.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/process/notify.h"
#include "server/round/state.h"
#include "server/status.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    US_PER_SECOND = 1000000,
    SAMPLE_US = 5 * US_PER_SECOND, /* between two samples, and two statuses */
    /* All sockets are checked within a second, in parts, at least SOCKETS_LOOK_MIN_US apart. */
    SOCKETS_LOOK_US = US_PER_SECOND,
    SOCKETS_LOOK_MIN_US = US_PER_SECOND / 10,
};

/* Updates the figures that other parts keep. */
const struct metrics *housekeeping_figures(struct server *server)
{
    server->metrics.open = server->connections.count;
    server->metrics.sequence = journal_seq(server->recording.journal);
    server->metrics.log_dropped = log_dropped();
    server->metrics.journal_failing = server->recording.failed_at != 0;
    return &server->metrics;
}

/* Logs one error for an episode: the next write may work. */
static void note_written(struct server *server, const char *path, const struct problem *problem)
{
    if (problem != NULL && !server->housekeeping.metrics_failing)
        log_error("cannot write metrics to %s: %s", path, problem->text);
    else if (problem == NULL && server->housekeeping.metrics_failing)
        log_notice("writing metrics works again");
    server->housekeeping.metrics_failing = problem != NULL;
}

static void write_metrics(struct server *server)
{
    const char *path = server->settings->config.metrics.file;
    struct problem problem = {"out of memory"};
    struct buffer text = {0};

    if (*path == '\0')
        return;
    bool written = metrics_format(housekeeping_figures(server), &text) &&
                   metrics_write_file(path, &text, &problem);
    note_written(server, path, written ? NULL : &problem);
    buffer_free(&text);
}

static void set_metrics_due(struct server *server, int64_t now)
{
    server->housekeeping.metrics_due =
        *server->settings->config.metrics.file == '\0'
            ? DEADLINE_NEVER
            : now + (int64_t)server->settings->config.metrics.interval * US_PER_SECOND;
}

static void warn_unless(bool notified)
{
    if (!notified)
        log_warning("cannot notify the service manager ($NOTIFY_SOCKET): %s", strerror(errno));
}

/* Appends the status as text that ends with NUL. "": out of memory. */
static const char *status_text(struct server *server, struct buffer *out)
{
    const struct sample *since = &server->housekeeping.samples[0];
    struct status status = {
        .started_wall_us = server->metrics.started_wall_us,
        .clients = server->connections.count,
        .messages = server->metrics.messages - since->messages,
        .us = clock_monotonic_us() - since->at,
        .journal = recording_name(server->settings),
        .seq = journal_seq(server->recording.journal),
        .bytes = journal_size(server->recording.journal),
        .failing = server->recording.failed_at != 0,
    };

    status.trouble = log_trouble(&status.trouble_wall_us);
    return status_format(&status, out) && buffer_append(out, "", 1) ? (const char *)out->bytes : "";
}

/* Keeps two samples, so that a rate is that of the last SAMPLE_US at least. */
static void take_sample(struct server *server, int64_t now)
{
    struct sample *samples = server->housekeeping.samples;

    if (samples[1].at != 0 && now - samples[1].at < SAMPLE_US)
        return;
    samples[0] = samples[1];
    if (samples[0].at == 0)
        samples[0].at = now;
    samples[1] = (struct sample){now, server->metrics.messages};
}

/*
 * Tells the service manager, if there is one, by one of the functions of notify.h that show a
 * status. False with errno.
 */
static bool show_status(struct server *server, bool (*notify)(const char *status))
{
    struct housekeeping *housekeeping = &server->housekeeping;
    struct buffer text = {0};

    bool notified = notify(housekeeping->shows_status ? status_text(server, &text) : "");
    int saved = errno;

    buffer_free(&text);
    housekeeping->status_due = DEADLINE_NEVER;
    housekeeping->shown_rate = server->metrics.messages != housekeeping->samples[0].messages;
    housekeeping->shown_messages = server->metrics.messages;
    housekeeping->shown_connections = server->connections.count;
    (void)log_trouble(&housekeeping->shown_trouble_us); /* only its time */
    errno = saved;
    return notified;
}

/*
 * Plans another status if the last one is no longer true. A server whose clients are silent shows
 * one more, with a rate of 0, and nothing wakes it after that.
 */
static void plan_status(struct server *server)
{
    struct housekeeping *housekeeping = &server->housekeeping;
    int64_t trouble_us;

    (void)log_trouble(&trouble_us); /* only its time */
    if (housekeeping->shows_status && housekeeping->status_due == DEADLINE_NEVER &&
        (housekeeping->ready_unsent || housekeeping->shown_rate ||
         housekeeping->shown_messages != server->metrics.messages ||
         housekeeping->shown_connections != server->connections.count ||
         housekeeping->shown_trouble_us != trouble_us))
        housekeeping->status_due = server->now + SAMPLE_US;
}

/* Notifies the service manager that the server is ready; again later, if it reads nothing now. */
static void announce_ready(struct server *server)
{
    struct housekeeping *housekeeping = &server->housekeeping;
    bool again = housekeeping->ready_unsent;
    bool notified = show_status(server, notify_ready);

    housekeeping->ready_unsent = !notified && errno == EAGAIN;
    warn_unless(notified || again);
}

void housekeeping_begin(struct server *server)
{
    server->housekeeping.shows_status = notify_is_wanted();
    server->housekeeping.alive_interval =
        notify_watchdog_us() / 2; /* half of it: one may be late */
    server->housekeeping.alive_due =
        server->housekeeping.alive_interval > 0
            ? clock_monotonic_us() + server->housekeeping.alive_interval
            : DEADLINE_NEVER;
    write_metrics(server);
    set_metrics_due(server, clock_monotonic_us());
    take_sample(server, clock_monotonic_us());
    announce_ready(server);
}

static int64_t metrics_due(const struct server *server)
{
    return server->housekeeping.metrics_due;
}

static void do_metrics(struct server *server)
{
    write_metrics(server);
    set_metrics_due(server, server->now);
}

static int64_t alive_due(const struct server *server)
{
    return server->housekeeping.alive_due;
}

static void do_alive(struct server *server)
{
    if (server->housekeeping.ready_unsent)
        announce_ready(server);
    else
        warn_unless(show_status(server, notify_alive));
    server->housekeeping.alive_due = server->now + server->housekeeping.alive_interval;
}

static int64_t status_due(const struct server *server)
{
    return server->housekeeping.status_due;
}

static void do_status(struct server *server)
{
    if (server->housekeeping.ready_unsent) {
        announce_ready(server);
    } else if (!show_status(server, notify_status)) {
        /* It is shown with the next one; notify_ready() and notify_alive() warn. */
    }
}

static int64_t accept_due(const struct server *server)
{
    return server->accepting.active ? DEADLINE_NEVER : server->accepting.again;
}

static int64_t accept_calm_due(const struct server *server)
{
    return episode_due(&server->accepting.full);
}

static void do_accept_calm(struct server *server)
{
    if (episode_ends(&server->accepting.full, server->now))
        log_notice("new connections are accepted again");
}

static int64_t journal_due(const struct server *server)
{
    return recording_due(&server->recording);
}

static void do_journal(struct server *server)
{
    recording_tick(&server->recording, server->now);
}

static int64_t sockets_due(const struct server *server)
{
    return server->housekeeping.sockets_looks > 0 ? server->housekeeping.sockets_due
                                                  : DEADLINE_NEVER;
}

static void do_sockets(struct server *server)
{
    struct housekeeping *housekeeping = &server->housekeeping;
    int64_t interval = SOCKETS_LOOK_US / ((int64_t)readiness_looks(server->readiness) + 1);

    housekeeping->sockets_looks--;
    readiness_look(server->readiness);
    housekeeping->sockets_due =
        server->now + (interval > SOCKETS_LOOK_MIN_US ? interval : SOCKETS_LOOK_MIN_US);
}

/*
 * Signals say which sockets are ready. A lost signal, whatever the cause, must not leave a client
 * unserved for ever: all sockets are checked once more after the last activity. After that, nothing
 * wakes a server whose clients are silent.
 */
static void plan_sockets(struct server *server)
{
    if (readiness_was_busy(server->readiness) && readiness_uses_signals(server->readiness))
        server->housekeeping.sockets_looks = readiness_looks(server->readiness) + 1;
}

static int64_t parting_due(const struct server *server)
{
    return server->parting_due;
}

/* The recurring duties: when each is due, and what it does. A new timer is a new row. */
static const struct {
    int64_t (*due)(const struct server *server);
    void (*run)(struct server *server);
} duties[] = {
    {metrics_due, do_metrics},         /* the metrics file */
    {alive_due, do_alive},             /* the service manager's watchdog */
    {status_due, do_status},           /* what it shows of the server */
    {accept_due, accept_update},       /* after a pause */
    {accept_calm_due, do_accept_calm}, /* the end of such an episode */
    {journal_due, do_journal},         /* the end of an episode without a working journal */
    {scrape_due, scrape_tick},         /* HTTP connections that take too long */
    {sockets_due, do_sockets},         /* sockets whose signal was lost */
    {parting_due, connections_close_all},
};

enum { DUTIES = sizeof duties / sizeof duties[0] };

int64_t housekeeping_due(const struct server *server)
{
    int64_t first = DEADLINE_NEVER;

    for (size_t at = 0; at < DUTIES; at++) {
        int64_t due = duties[at].due(server);
        if (due < first)
            first = due;
    }
    return first;
}

void housekeeping_run(struct server *server)
{
    plan_sockets(server);
    take_sample(server, server->now);
    plan_status(server);
    for (size_t at = 0; at < DUTIES; at++)
        if (duties[at].due(server) <= server->now)
            duties[at].run(server);
    recording_look_after(&server->recording, server->settings, server->now);
}

void housekeeping_report(struct server *server)
{
    struct buffer status = {0};
    struct buffer line = {0};

    write_metrics(server);
    log_notice("%s", status_text(server, &status));
    if (metrics_summarize(housekeeping_figures(server), &line))
        log_notice("%.*s", (int)line.size, (const char *)line.bytes);
    else
        log_error("out of memory for the figures");
    buffer_free(&status);
    buffer_free(&line);
}

void housekeeping_stopping(void)
{
    warn_unless(notify_stopping());
}

void housekeeping_end(struct server *server)
{
    write_metrics(server);
}
