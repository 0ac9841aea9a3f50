/*
 * housekeeping: what is due by the clock and by nobody's doing: the metrics file, a sign of life
 * for the service manager, the end of a trouble. Without them, nothing is ever due.
 */
#include "common/clock.h"
#include "common/log.h"
#include "server/process/notify.h"
#include "server/round/round.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    US_PER_SECOND = 1000000,
    STATUS_BYTES = 128,
    JOURNAL_LOOK_US = US_PER_SECOND,
    /* All sockets are looked at within a second, or at least so many microseconds are between two
     * looks at a part of them. */
    SOCKETS_LOOK_US = US_PER_SECOND,
    SOCKETS_LOOK_MIN_US = US_PER_SECOND / 10,
};

/* Brings the figures up to date that have another home. */
static const struct metrics *figures(struct server *server)
{
    server->metrics.open = server->connections_count;
    server->metrics.sequence = journal_seq(server->journal);
    server->metrics.log_dropped = log_dropped();
    return &server->metrics;
}

/* One error line an episode: the next file may work. */
static void note_written(struct server *server, const char *path, const char *problem)
{
    if (problem != NULL && !server->metrics_failing)
        log_error("cannot write metrics to %s: %s", path, problem);
    else if (problem == NULL && server->metrics_failing)
        log_notice("writing metrics works again");
    server->metrics_failing = problem != NULL;
}

static void write_metrics(struct server *server)
{
    const char *path = server->settings->config.metrics.file;
    const char *problem = "out of memory";
    struct buffer text = {0};

    if (*path == '\0')
        return;
    bool written =
        metrics_format(figures(server), &text) && metrics_write_file(path, &text, &problem);
    note_written(server, path, written ? NULL : problem);
    buffer_free(&text);
}

static void set_metrics_due(struct server *server, int64_t now)
{
    server->metrics_due =
        *server->settings->config.metrics.file == '\0'
            ? DEADLINE_NEVER
            : now + (int64_t)server->settings->config.metrics.interval * US_PER_SECOND;
}

/* A line for people, for systemctl status. */
static void write_status(const struct server *server, char status[STATUS_BYTES])
{
    (void)snprintf(status, STATUS_BYTES, "%" PRIu64 " connections, %" PRIu64 " records",
                   server->connections_count, journal_seq(server->journal));
}

static void note_told(bool told)
{
    if (!told)
        log_warning("cannot tell the service manager ($NOTIFY_SOCKET): %s", strerror(errno));
}

void housekeeping_begin(struct server *server)
{
    char status[STATUS_BYTES];

    server->alive_interval = notify_watchdog_us() / 2; /* half: one may be late */
    server->alive_due =
        server->alive_interval > 0 ? clock_monotonic_us() + server->alive_interval : DEADLINE_NEVER;
    write_metrics(server);
    set_metrics_due(server, clock_monotonic_us());
    write_status(server, status);
    note_told(notify_ready(status));
}

int64_t housekeeping_due(const struct server *server)
{
    const int64_t all[] = {server->metrics_due, server->alive_due, episode_due(&server->no_room),
                           episode_due(&server->unwritable),
                           server->sockets_looks > 0 ? server->sockets_look_due : DEADLINE_NEVER};
    int64_t first = DEADLINE_NEVER;

    for (size_t at = 0; at < sizeof all / sizeof all[0]; at++)
        if (all[at] < first)
            first = all[at];
    return first;
}

static void end_episodes(struct server *server)
{
    if (episode_ends(&server->no_room, server->now))
        log_notice("new connections are accepted again");
    if (episode_ends(&server->unwritable, server->now))
        log_notice("writing to the journal works again");
}

void journal_lost(struct server *server)
{
    server->journal_failing = true;
    server->journal_failed = server->now;
    if (episode_begins(&server->unwritable))
        log_error("%s: nothing is acknowledged and connections with messages are closed until it "
                  "can be opened",
                  journal_problem(server->journal));
}

/*
 * Opens a journal again that has lost its path, and makes it again if it was deleted. While nothing
 * happens, nobody looks.
 */
static void look_after_journal(struct server *server)
{
    const char *file = server->settings->config.journal.file;
    const struct journal_options options = settings_journal(server->settings);

    if (server->now < server->journal_look_due)
        return;
    server->journal_look_due = server->now + JOURNAL_LOOK_US;
    if (!journal_is_lost(server->journal))
        return;
    if (!journal_open(server->journal, &options)) {
        journal_lost(server);
        return;
    }
    if (*journal_note(server->journal) != '\0')
        log_warning("%s", journal_note(server->journal));
    if (server->unwritable.begun)
        log_notice("journal %s is open again", file);
    else
        log_error("journal %s was deleted, and what was recorded in it is lost: it is made again",
                  file);
}

/*
 * Signals tell which sockets are ready; one that gets lost, by whatever cause, must not leave a
 * client unserved for ever. All are seen once more after the last time that something happened;
 * then nothing wakes a server whose clients are silent.
 */
static void look_at_sockets(struct server *server)
{
    if (readiness_was_busy(server->readiness) && readiness_rings(server->readiness))
        server->sockets_looks = readiness_looks(server->readiness) + 1;
    if (server->sockets_looks == 0 || server->now < server->sockets_look_due)
        return;
    server->sockets_looks--;
    readiness_look(server->readiness);
    int64_t interval = SOCKETS_LOOK_US / ((int64_t)readiness_looks(server->readiness) + 1);
    server->sockets_look_due =
        server->now + (interval > SOCKETS_LOOK_MIN_US ? interval : SOCKETS_LOOK_MIN_US);
}

void housekeeping(struct server *server)
{
    char status[STATUS_BYTES];

    if (server->metrics_due <= server->now) {
        write_metrics(server);
        set_metrics_due(server, server->now);
    }
    end_episodes(server);
    look_after_journal(server);
    look_at_sockets(server);
    if (server->alive_due <= server->now) {
        write_status(server, status);
        note_told(notify_alive(status));
        server->alive_due = server->now + server->alive_interval;
    }
}

void housekeeping_report(struct server *server)
{
    struct buffer line = {0};

    write_metrics(server);
    if (metrics_summarize(figures(server), &line))
        log_notice("%.*s", (int)line.size, (const char *)line.bytes);
    else
        log_error("out of memory for the figures");
    buffer_free(&line);
}

void housekeeping_stopping(void)
{
    note_told(notify_stopping());
}

void housekeeping_end(struct server *server)
{
    write_metrics(server);
}
