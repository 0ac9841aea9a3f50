/*
 * housekeeping.h: recurring duties, started by the clock: the metrics file, the watchdog of the
 * service manager, the end of an episode. Each is a row of the table in housekeeping.c: when it is
 * due, and what it does.
 */
#ifndef TCPACK_SERVER_ROUND_HOUSEKEEPING_H
#define TCPACK_SERVER_ROUND_HOUSEKEEPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics;
struct server;

/* How many messages had been recorded at a moment. */
struct sample {
    int64_t at;
    uint64_t messages;
};

/* Times are microseconds, monotonic. */
struct housekeeping {
    struct sample samples[2]; /* of messages, for the rate: the older one first */
    bool shows_status;        /* a service manager shows it */
    int64_t status_due;       /* when to show another status, or DEADLINE_NEVER */
    bool ready_unsent;        /* the manager reads nothing: it is notified with the next status */
    bool shown_rate;          /* the last status had a rate above 0 */
    uint64_t shown_messages;  /* what it said */
    uint64_t shown_connections;
    int64_t shown_trouble_us; /* wall clock */
    int64_t metrics_due;      /* when to write the metrics file, or DEADLINE_NEVER */
    bool metrics_failing;     /* the last write of the file failed */
    int64_t alive_due;        /* when to notify the service manager, or DEADLINE_NEVER */
    int64_t alive_interval;
    size_t sockets_looks; /* how many more parts of the sockets to check */
    int64_t sockets_due;  /* when to check the next part for a lost signal */
};

/* Tells the service manager that the server is ready: after a start and a reload. */
void housekeeping_begin(struct server *server);

/* When the first duty is due, or DEADLINE_NEVER. */
int64_t housekeeping_due(const struct server *server);

/* Performs the duties that are due. */
void housekeeping_run(struct server *server);

/* The figures as they are now. */
const struct metrics *housekeeping_figures(struct server *server);

/* USR1: logs the status and a line of figures, and writes the metrics file. */
void housekeeping_report(struct server *server);

/* Tells the service manager that the server is stopping. */
void housekeeping_stopping(void);

/* Writes the metrics file for the last time. */
void housekeeping_end(struct server *server);

#endif
