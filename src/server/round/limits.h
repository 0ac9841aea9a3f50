/* limits.h: the limit on connections, set by the configuration and the system. */
#ifndef TCPACK_SERVER_ROUND_LIMITS_H
#define TCPACK_SERVER_ROUND_LIMITS_H

struct server;

/* Sets accepting.max, and warns of system limits that are below the configuration's. */
void limits_apply(struct server *server);

#endif
