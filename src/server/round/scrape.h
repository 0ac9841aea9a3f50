/*
 * scrape.h: serves the metrics over HTTP at [metrics] listen, in the round's wait. Its connections
 * are few and are no clients: they are not counted, and not in the table of connections.
 */
#ifndef TCPACK_SERVER_ROUND_SCRAPE_H
#define TCPACK_SERVER_ROUND_SCRAPE_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

enum {
    SCRAPE_LISTENERS_MAX = 4, /* addresses of one host */
    SCRAPE_CONNECTIONS_MAX = 8,
};

struct scrape_connection {
    int fd; /* owned */
    struct buffer in;
    struct buffer out; /* the response, from `sent` on */
    size_t sent;
    bool close;    /* after the response */
    bool more;     /* `in` may hold another request, left for the next round */
    bool draining; /* sending has ended: waits for the peer's end */
    int64_t due;   /* when it is closed: microseconds, monotonic */
};

/* A zeroed struct serves nothing. */
struct scrape {
    int listeners[SCRAPE_LISTENERS_MAX]; /* owned */
    size_t listeners_count;
    struct scrape_connection connections[SCRAPE_CONNECTIONS_MAX];
    size_t count;
    int64_t again; /* accepting failed and pauses: when it goes on; 0: it does not pause */
};

/* Opens the listening sockets, if any are configured. False: logged. */
bool scrape_open(struct server *server) MUST_USE;

void scrape_log_start(const struct server *server);

/* Closes everything. */
void scrape_close(struct server *server);

/* Accepts, reads and answers what the last wait found ready. */
void scrape_run(struct server *server);

/*
 * When to call scrape_run() and scrape_tick(), which closes connections that took too long and ends
 * a pause; or DEADLINE_NEVER.
 */
int64_t scrape_due(const struct server *server);
void scrape_tick(struct server *server);

#endif
