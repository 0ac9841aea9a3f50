/*
 * housekeeping.h: recurring duties, which the clock causes and no peer: the metrics file, a sign of
 * life for the service manager, the end of an episode. Each is a row of a table in the .c file:
 * when it is due, and what it does.
 */
#ifndef TCPACK_SERVER_ROUND_HOUSEKEEPING_H
#define TCPACK_SERVER_ROUND_HOUSEKEEPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

/* Times are microseconds, monotonic. */
struct housekeeping {
    int64_t metrics_due;  /* when to write the metrics file, or DEADLINE_NEVER */
    bool metrics_failing; /* the file could not be written last time */
    int64_t alive_due;    /* when to tell the service manager, or DEADLINE_NEVER */
    int64_t alive_interval;
    size_t sockets_looks; /* looks to come at a part of the sockets */
    int64_t sockets_due;  /* when to look next whether a notification was lost */
};

/* Tells the service manager that all is well; after a start, and a reload. */
void housekeeping_begin(struct server *server);

/* When the first duty is due; DEADLINE_NEVER: none is. */
int64_t housekeeping_due(const struct server *server);

/* Does what is due. */
void housekeeping_run(struct server *server);

/* USR1: logs a line of figures, and writes the metrics file. */
void housekeeping_report(struct server *server);

/* Tells the service manager that the server stops. */
void housekeeping_stopping(void);

/* The last figures. */
void housekeeping_end(struct server *server);

#endif
