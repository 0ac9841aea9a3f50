/*
 * scrape.h: serves the metrics over HTTP at [metrics] listen, in the round's wait. Its connections
 * are few and are no clients: they are not counted, and not in the table of connections.
 */
#ifndef TCPACK_SERVER_ROUND_SCRAPE_H
#define TCPACK_SERVER_ROUND_SCRAPE_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/config/config.h"
#include "common/config/endpoint.h"
#include "server/listener/listener.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

enum { SCRAPE_CONNECTIONS_MAX = 8 };

struct scrape_connection {
    int fd; /* owned */
    struct buffer in;
    struct buffer out; /* what is left of the response */
    bool last;         /* this response is the last one */
    int64_t due;       /* when it is closed: microseconds, monotonic */
};

/* A zeroed struct serves nothing. */
struct scrape {
    struct endpoint endpoint;
    struct config_listener config;    /* the endpoint as the section of a listener */
    struct listener_settings section; /* the same */
    struct listeners listeners;
    int64_t resume_at; /* when the listeners are watched again; 0: they are */
    struct scrape_connection connections[SCRAPE_CONNECTIONS_MAX];
    size_t count;
};

/* Opens the listening sockets, if any are configured. False: logged. */
bool scrape_open(struct server *server) MUST_USE;

void scrape_log_start(const struct server *server);

/* Closes everything. */
void scrape_close(struct server *server);

/* Accepts, reads and answers what the last wait found ready. */
void scrape_run(struct server *server);

/* When to call scrape_tick(), which closes silent connections; or DEADLINE_NEVER. */
int64_t scrape_due(const struct server *server);
void scrape_tick(struct server *server);

#endif
