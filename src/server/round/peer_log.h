/*
 * peer_log.h: log lines that a peer causes, limited for each address; a later line says how many
 * were suppressed. Each line names the peer.
 */
#ifndef TCPACK_SERVER_ROUND_PEER_LOG_H
#define TCPACK_SERVER_ROUND_PEER_LOG_H

#include "common/compiler.h"
#include "server/connection/connection.h"
#include "server/connection/log_limit.h"

#include <stdint.h>

/* A zeroed struct has logged nothing. */
struct peer_log {
    struct log_limit refusals; /* connections that were not admitted */
    struct log_limit warnings; /* other warnings */
    struct log_limit arrivals; /* admitted connections */
    struct log_limit proxies;  /* unexpected PROXY headers */
    struct log_limit sessions; /* unexpected RELP sessions */
};

/* `now_us` is monotonic, microseconds. */
void peer_log_warning(struct peer_log *log, int64_t now_us, const struct connection *connection,
                      const char *format, ...) PRINTF_LIKE(4, 5);
void peer_log_refusal(struct peer_log *log, int64_t now_us, const struct connection *connection,
                      const char *why);
void peer_log_proxy_header(struct peer_log *log, int64_t now_us,
                           const struct connection *connection);
void peer_log_relp_session(struct peer_log *log, int64_t now_us,
                           const struct connection *connection);
void peer_log_arrival(struct peer_log *log, int64_t now_us, const struct connection *connection);

#endif
