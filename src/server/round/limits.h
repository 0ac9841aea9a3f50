/* limits.h: how many connections there may be, by the configuration and by the system. */
#ifndef TCPACK_SERVER_ROUND_LIMITS_H
#define TCPACK_SERVER_ROUND_LIMITS_H

struct server;

/* Sets accepting.max; warns of limits of the system that are below the configuration's. */
void limits_apply(struct server *server);

#endif
