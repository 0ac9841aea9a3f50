#include "server/round/limits.h"

#include "common/descriptors.h"
#include "common/log.h"
#include "server/listener/socket.h"
#include "server/round/state.h"

#include <inttypes.h>

enum {
    /* For descriptors other than clients: standard ones, journal, its directory, signals, log... */
    DESCRIPTORS_RESERVED = 16,
    /* Requested if max_clients is 0; a hard limit can be absurdly high. */
    DESCRIPTORS_WANTED = 1024 * 1024,
};

static void limit_connections(struct server *server)
{
    uint64_t asked = server->settings->config.max_clients;
    uint64_t reserved = DESCRIPTORS_RESERVED + server->listeners.count +
                        (server->scrape.listeners.count > 0
                             ? SCRAPE_CONNECTIONS_MAX + server->scrape.listeners.count
                             : 0);
    uint64_t limit = descriptors_raise_limit(asked > 0 ? asked + reserved : DESCRIPTORS_WANTED);
    uint64_t possible = limit > reserved ? limit - reserved : 1;

    server->accepting.max = asked > 0 && asked < possible ? asked : possible;
    server->accepting.max_why = asked > 0 && asked <= possible
                                    ? "max_clients is reached"
                                    : "the limit of descriptors (ulimit -n) is reached";
    if (asked > possible)
        log_warning("max_clients = %" PRIu64 " is more than the limit of %" PRIu64
                    " descriptors allows: using %" PRIu64,
                    asked, limit, possible);
}

static void check_backlogs(const struct server *server)
{
    uint64_t limit = listener_backlog_limit();
    uint64_t largest = 0;

    for (size_t at = 0; at < server->settings->count; at++)
        if (server->settings->sections[at].config->backlog > largest)
            largest = server->settings->sections[at].config->backlog;
    if (limit > 0 && largest > limit)
        log_warning("backlog = %" PRIu64 " is more than the kernel allows: using %" PRIu64
                    " (net.core.somaxconn)",
                    largest, limit);
}

void limits_apply(struct server *server)
{
    limit_connections(server);
    check_backlogs(server);
}
