#include "server/server.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/listener/plan.h"
#include "server/process/privileges.h"
#include "server/process/signals.h"
#include "server/round/limits.h"
#include "server/round/round.h"
#include "server/round/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Microseconds that peers have at the end to receive the last replies. */
enum { PARTING_US = 2 * 1000 * 1000 };

static bool out_of_memory(int *status)
{
    log_error("cannot start: out of memory");
    *status = EX_OSERR;
    return false;
}

/* Adds the sockets that the service manager passed. */
static bool adopt_passed(struct server *server, int *status)
{
    struct activation activation;
    struct problem problem;

    if (!activation_take(&activation, &problem)) {
        log_error("cannot take the sockets of the service manager: %s", problem.text);
        *status = EX_UNAVAILABLE;
        return false;
    }
    bool adopted = listeners_adopt(&server->listeners, &activation);
    activation_free(&activation);
    return adopted || out_of_memory(status);
}

static bool listen_everywhere(struct server *server, int *status)
{
    struct problem problem;
    struct listeners listeners;

    if (!adopt_passed(server, status))
        return false;
    if (!listeners_open(&listeners, server->settings, &server->listeners, LISTENER_AT_START,
                        &problem)) {
        log_error("%s", problem.text);
        *status = EX_UNAVAILABLE;
        return false;
    }
    listeners_close(&server->listeners, &listeners);
    server->listeners = listeners;
    listeners_refresh(&server->listeners);
    return accept_begin(server) || out_of_memory(status);
}

static bool listen_for_metrics(struct server *server, int *status)
{
    if (scrape_open(server))
        return true;
    *status = EX_UNAVAILABLE;
    return false;
}

/* Changes to the configured user, if there is one. */
static bool drop_privileges(const struct server *server, int *status)
{
    const struct config *config = &server->settings->config;
    struct problem problem;
    struct identity identity;

    if (*config->user == '\0' && *config->group == '\0')
        return true;
    if (!privileges_find(config->user, config->group, &identity, &problem)) {
        log_error("%s (user, group)", problem.text);
        *status = EX_CONFIG;
        return false;
    }
    const char *kept = listeners_give(&server->listeners, identity.uid, identity.gid);
    if (kept != NULL)
        log_warning("cannot give the Unix socket %s to user %lu, group %lu: %s", kept,
                    (unsigned long)identity.uid, (unsigned long)identity.gid, strerror(errno));
    if (!privileges_drop(&identity, &problem)) {
        log_error("%s", problem.text);
        *status = EX_NOPERM;
        return false;
    }
    listeners_warn_of_leftovers(&server->listeners);
    return true;
}

static bool open_journal(struct server *server, int *status)
{
    if (recording_open(&server->recording, server->settings, server->readiness))
        return true;
    *status = *server->settings->config.journal.postgresql == '\0' ? EX_IOERR : EX_UNAVAILABLE;
    if (signals_stop_asked())
        *status = EX_OK;
    return false;
}

static bool watch_signals(struct server *server, int *status)
{
    server->signals = signals_open();
    if (server->signals < 0) {
        log_error("cannot handle signals: %s", strerror(errno));
        *status = EX_OSERR;
        return false;
    }
    return readiness_watch(server->readiness, server->signals, READY_READ) || out_of_memory(status);
}

static bool allocate(struct server *server, struct config *config, int *status)
{
    struct problem problem;

    server->settings = settings_new(config, &problem);
    if (server->settings == NULL) {
        log_error("cannot start: %s", problem.text);
        *status = EX_OSERR;
        return false;
    }
    server->started = server->settings;
    settings_hold(server->started);
    server->scratch_size = settings_scratch_size(server->settings);
    server->scratch = malloc(server->scratch_size);
    server->readiness = readiness_new();
    server->connections.deadlines = deadlines_new();
    server->recording.journal = journal_new();
    return (server->scratch != NULL && server->readiness != NULL &&
            server->connections.deadlines != NULL && server->recording.journal != NULL) ||
           out_of_memory(status);
}

/* Logs what the server uses: its configuration, its journal and its listeners. */
static void log_start(const struct server *server)
{
    const struct config *config = &server->settings->config;

    if (config->of_file)
        log_info("configuration %s", server->source->path);
    else
        log_info("there is no %s: the defaults apply", server->source->path);
    recording_log(&server->recording, server->settings);
    if (!readiness_uses_signals(server->readiness))
        log_notice("sockets send no signals here (no F_SETSIG): select() watches every socket");
    for (size_t at = 0; at < server->listeners.count; at++) {
        listener_log_start(&server->listeners.all[at]);
        if (listener_overrides(&server->listeners.all[at]))
            listener_warn_overridden(&server->listeners.all[at]);
    }
    scrape_log_start(server);
}

struct server *server_new(const struct config_source *source, struct config *config, int *status)
{
    struct server *server = calloc(1, sizeof *server);

    if (server == NULL) {
        config_free(config);
        (void)out_of_memory(status);
        return NULL;
    }
    server->source = source;
    server->parting_due = DEADLINE_NEVER;
    server->metrics.started_wall_us = clock_wall_us();
    if (!allocate(server, config, status) || !watch_signals(server, status) ||
        !listen_everywhere(server, status) || !listen_for_metrics(server, status) ||
        !drop_privileges(server, status) || !open_journal(server, status)) {
        server_free(server);
        return NULL;
    }
    limits_apply(server);
    log_start(server);
    housekeeping_begin(server);
    log_notice("wait for connection...");
    return server;
}

/*
 * The last rounds, which accept no connection and record nothing. Peers have PARTING_US to receive
 * replies that are already sent: an earlier close could lose them.
 */
static void part(struct server *server)
{
    accept_end(server);
    scrape_close(server);
    server->now = clock_monotonic_us();
    server->parting_due = server->now + PARTING_US;
    connections_refuse_all(server);
    while (server->status == EX_OK && server->connections.count > 0) {
        round_answer(server);
        round_wait(server);
        round_read(server);
    }
}

/* What a database is about to record is answered yet. */
static void finish_commit(struct server *server)
{
    while (server->recording.committing || server->answers.count > 0) {
        round_wait(server);
        round_commit(server);
        round_answer(server);
    }
}

int server_run(struct server *server)
{
    while (!server->stopping) {
        round_wait(server);
        round_accept(server);
        round_read(server);
        round_commit(server);
        round_answer(server);
        trace_round(server);
    }
    housekeeping_stopping();
    finish_commit(server);
    if (server->status == EX_OK)
        part(server);
    connections_close_all(server);
    housekeeping_end(server);
    if (server->status == EX_OK && !journal_close(server->recording.journal))
        log_warning("%s", journal_problem(server->recording.journal));
    log_notice("stopped");
    return server->status;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    scrape_close(server);
    connections_free(&server->connections);
    listeners_close(&server->listeners, NULL);
    readiness_free(server->readiness);
    journal_free(server->recording.journal);
    settings_release(server->settings);
    settings_release(server->started);
    peer_counts_free(&server->peers);
    metrics_free(&server->metrics);
    free(server->scratch);
    answers_free(&server->answers);
    answers_free(&server->committing);
    answers_free(&server->committed);
    free(server);
}
