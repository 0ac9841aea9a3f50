/* accept.h: the second step of a round: accepts connections while there is room for them. */
#ifndef TCPACK_SERVER_ROUND_ACCEPT_H
#define TCPACK_SERVER_ROUND_ACCEPT_H

#include "common/compiler.h"
#include "server/connection/episode.h"

#include <stdbool.h>
#include <stdint.h>

struct listeners;
struct server;

struct accepting {
    bool active;           /* the listeners are watched */
    int64_t again;         /* while not active: when to try again, or DEADLINE_NEVER */
    uint64_t resume_below; /* while not active: go on at once when fewer connections are open */
    int failures;          /* of accept() in a row, each of which may concern only one connection */
    uint64_t max;          /* the most connections that may be open */
    const char *max_why;   /* the reason for that limit */
    struct episode full;   /* log lines about pauses */
};

/* Begins to accept from the server's listeners. False with errno ENOMEM. */
bool accept_begin(struct server *server) MUST_USE;

/* Closes the listeners. */
void accept_end(struct server *server);

/* Accepts again if there is room; else pauses until there is. */
void accept_update(struct server *server);

/* Accepts, as far as there is room, the connections waiting at listeners that are not in `but`. */
void accept_last(struct server *server, const struct listeners *listeners,
                 const struct listeners *but);

/* Accepts connections from the listeners that are ready. */
void round_accept(struct server *server);

#endif
