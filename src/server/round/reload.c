#include "server/round/reload.h"

#include "common/config/options.h"
#include "common/config/report.h"
#include "common/log.h"
#include "server/listener/plan.h"
#include "server/listener/socket.h"
#include "server/outputs.h"
#include "server/process/notify.h"
#include "server/round/limits.h"
#include "server/round/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The settings of the file as it is now. NULL: it is invalid, which was logged. A file that is
 * missing or empty for a moment does not mean the defaults.
 */
static struct settings *read_settings(const struct server *server)
{
    struct config_source source = *server->source;
    struct problem problem;
    struct config config;

    source.before = &server->settings->config;
    if (!config_load(&source, &config_report_to_log, &config))
        return NULL;
    if (!outputs_check(&config, source.path, true, &problem)) {
        log_error("%s: %s", source.path, problem.text);
        config_free(&config);
        return NULL;
    }
    if (outputs_warning(&config) != NULL)
        log_warning("%s", outputs_warning(&config));
    struct settings *settings = settings_new(&config, &problem);
    if (settings == NULL)
        log_error("%s: %s", server->source->path, problem.text);
    return settings;
}

static bool make_scratch(struct server *server, const struct settings *settings)
{
    size_t size = settings_scratch_size(settings);

    if (size <= server->scratch_size)
        return true;
    unsigned char *scratch = realloc(server->scratch, size);
    if (scratch == NULL) {
        log_error("out of memory for buffer_size = %zu", size / 2);
        return false;
    }
    server->scratch = scratch;
    server->scratch_size = size;
    return true;
}

/* Stops watching the listeners that are not in `but`. */
static void forget(struct server *server, const struct listeners *listeners,
                   const struct listeners *but)
{
    for (size_t at = 0; at < listeners->count; at++)
        if (!listeners_have(but, listeners->all[at].fd))
            readiness_forget(server->readiness, listeners->all[at].fd);
}

static bool watch(struct server *server, const struct listeners *listeners)
{
    unsigned interest = server->accepting.active ? READY_READ : 0;

    for (size_t at = 0; at < listeners->count; at++)
        if (!readiness_watch(server->readiness, listeners->all[at].fd, interest)) {
            log_error("cannot listen on %s: %s", listeners->all[at].address, strerror(errno));
            return false;
        }
    return true;
}

/* Does everything that can fail. False: something failed, and nothing has changed. */
static bool prepare(struct server *server, const struct settings *settings,
                    struct listeners *listeners)
{
    struct problem problem;

    if (!make_scratch(server, settings))
        return false;
    if (!listeners_open(listeners, settings, &server->listeners, LISTENER_RUNNING, &problem)) {
        log_error("%s", problem.text);
        return false;
    }
    if (watch(server, listeners) && recording_reopen(&server->recording, settings, server->now))
        return true;
    forget(server, listeners, &server->listeners);
    listeners_close(listeners, &server->listeners);
    return false;
}

static void replace_listeners(struct server *server, struct listeners *listeners)
{
    for (size_t at = 0; at < server->listeners.count; at++)
        if (!listeners_have(listeners, server->listeners.all[at].fd))
            log_notice("server stop at %s", server->listeners.all[at].address);
    for (size_t at = 0; at < listeners->count; at++)
        if (!listeners_have(&server->listeners, listeners->all[at].fd))
            listener_log_start(&listeners->all[at]);
    struct listeners before = server->listeners;
    server->listeners = *listeners;
    limits_apply(server);
    accept_last(server, &before, listeners); /* closing would reset the connections waiting there */
    forget(server, &before, listeners);
    listeners_close(&before, listeners);
    listeners_refresh(listeners);
}

/* Changes what the socket inherited from the listener when it was accepted. */
static void convert_socket(struct server *server, const struct connection *connection,
                           const struct config_listener *before, const struct config_listener *now)
{
    if (before->keepalive != now->keepalive && !connection->is_unix &&
        !listener_socket_set_inherited(connection->fd, now))
        peer_log_warning(&server->peer_log, server->now, connection,
                         "cannot change keepalive of %s: %s", connection->peer, strerror(errno));
}

/* Whether the connection, whose framing stays, can carry the section's replies. */
static bool can_answer(const struct connection *connection, const struct listener_settings *section)
{
    return !section->config->acknowledge || reply_fits(section->reply, connection->framing);
}

/*
 * Gives each connection the new settings of its section. A connection keeps its old ones if the
 * section is gone, or if its framing cannot carry the new reply.
 */
static void convert_connections(struct server *server)
{
    for (size_t fd = 0; fd < server->connections.size; fd++) {
        struct connection *connection = server->connections.all[fd];
        if (connection == NULL)
            continue;
        const struct listener_settings *section =
            settings_find(server->settings, connection->settings->config->name);
        if (section == NULL || !can_answer(connection, section))
            continue;
        convert_socket(server, connection, connection->settings->config, section->config);
        connection_adopt(connection, section);
        connections_settle(server, connection);
    }
}

/* Warns of each key that is not as it was at the start, but takes effect only after a restart. */
static void warn_restart(const struct config *started, const struct config *now)
{
    char started_room[CONFIG_VALUE_SIZE];
    char now_room[CONFIG_VALUE_SIZE];

    for (size_t at = 0; at < config_options_count; at++) {
        const struct config_option *option = &config_options[at];
        if (option->reload != CONFIG_AFTER_RESTART)
            continue;
        const char *old = config_option_value(option, started, started_room);
        const char *wanted = config_option_value(option, now, now_room);
        if (strcmp(old, wanted) != 0)
            log_warning("%s = %s needs a restart: it is \"%s\" until then", option->key, wanted,
                        old);
    }
}

/* A socket passed by the service manager keeps its address, whatever its section says. */
static void warn_passed(const struct settings *before, const struct listeners *listeners)
{
    for (size_t at = 0; at < listeners->count; at++) {
        const struct config_listener *section = listeners->all[at].settings->config;
        const struct listener_settings *old = settings_find(before, section->name);
        if (listener_overrides(&listeners->all[at]) && old != NULL &&
            (strcmp(old->config->host, section->host) != 0 || old->config->port != section->port))
            listener_warn_overridden(&listeners->all[at]);
    }
}

/* Removes a metrics file that is no longer updated: its figures would look current. */
static void remove_old_metrics(const struct settings *before, const struct settings *now)
{
    const char *path = before->config.metrics.file;
    struct problem problem;

    if (*path != '\0' && strcmp(path, now->config.metrics.file) != 0 &&
        !metrics_remove_file(path, &problem))
        log_warning("cannot remove the old metrics file %s: %s", path, problem.text);
}

static void take_effect(struct server *server, struct settings *settings,
                        struct listeners *listeners)
{
    struct settings *before = server->settings;

    log_open("tcpackd", (enum log_level)settings->config.log.level,
             (enum log_to)settings->config.log.to);
    log_set_time((enum log_time)settings->config.log.time);
    server->settings = settings;
    warn_passed(before, listeners);
    warn_restart(&server->started->config, &settings->config);
    replace_listeners(server, listeners);
    convert_connections(server);
    remove_old_metrics(before, settings);
    settings_release(before);
    log_notice("the configuration was read again");
}

static bool reload_settings(struct server *server)
{
    struct settings *settings = read_settings(server);
    struct listeners listeners;

    if (settings == NULL || !prepare(server, settings, &listeners)) {
        settings_release(settings);
        return false;
    }
    take_effect(server, settings, &listeners);
    server->metrics.reloads++;
    return true;
}

void reload_configuration(struct server *server)
{
    if (!notify_reloading())
        log_warning("cannot notify the service manager ($NOTIFY_SOCKET): %s", strerror(errno));
    recording_log_again(&server->recording);
    if (!reload_settings(server)) {
        server->metrics.reload_errors++;
        log_error("%s: nothing is changed", server->source->path);
        /* An error elsewhere must not prevent a rotated journal from being reopened. */
        if (!recording_reopen(&server->recording, server->settings, server->now)) {
            /* It logged why. */
        }
    }
    housekeeping_begin(server);
}
