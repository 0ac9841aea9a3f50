#include "server/round/admit.h"

#include "common/log.h"
#include "common/problem.h"
#include "server/connection/proxy.h"
#include "server/round/explain.h"
#include "server/round/state.h"

void admit_refused(struct connection *connection, enum metrics_refusal reason)
{
    connection->refused = true;
    connection->refusal = reason;
}

static bool refuse(struct server *server, struct connection *connection,
                   enum metrics_refusal reason, const char *why)
{
    admit_refused(connection, reason);
    if (!connection->began) /* it waits for no reply */
        explain_now(connection, why);
    peer_log_refusal(&server->peer_log, server->now, connection, why);
    return false;
}

/* Whether allow and deny admit the address. */
static bool has_access(const struct listener_settings *settings, const struct address *peer)
{
    const struct sockaddr *name = (const struct sockaddr *)&peer->storage;

    return !network_list_has(&settings->deny, name) &&
           (settings->allow.count == 0 || network_list_has(&settings->allow, name));
}

/* Sets the connection's peer. False for a Unix socket, which has no address. */
static bool set_peer(struct connection *connection, const struct address *peer)
{
    (void)address_peer_text(peer, connection->peer, sizeof connection->peer);
    return peer_key_of(&peer->storage, &connection->key);
}

/* Admits a peer that has access. */
static bool enter(struct server *server, struct connection *connection, bool has_address)
{
    uint64_t limit = connection->settings->config->max_clients_per_address;

    if (has_address && limit > 0 && peer_counts_of(&server->peers, &connection->key) >= limit)
        return refuse(server, connection, METRICS_REFUSED_ADDRESS_LIMIT,
                      "max_clients_per_address is reached");
    if (peer_counts_add(&server->peers, &connection->key) == 0)
        return refuse(server, connection, METRICS_REFUSED_MEMORY, "out of memory");
    connection->admitted = true;
    peer_log_arrival(&server->peer_log, server->now, connection);
    return true;
}

/* Admits a connection, whose peer is set, if `peer` has access. */
static bool admit(struct server *server, struct connection *connection, const struct address *peer,
                  bool has_address)
{
    if (!has_access(connection->settings, peer))
        return refuse(server, connection, METRICS_REFUSED_ACCESS,
                      "its address is not allowed (allow, deny)");
    return enter(server, connection, has_address);
}

bool admit_accepted(struct server *server, struct connection *connection,
                    const struct address *peer)
{
    if (network_list_has(&connection->settings->proxy_from,
                         (const struct sockaddr *)&peer->storage)) {
        (void)set_peer(connection, peer); /* it has an address: the one in the list */
        connection->state = CONNECTION_PROXY;
        connection->unfinished_since = server->now;
        return true;
    }
    /* The permissions of a Unix socket say who may use it. */
    if (peer->storage.ss_family == AF_UNIX)
        return enter(server, connection, set_peer(connection, peer));
    return admit(server, connection, peer, set_peer(connection, peer));
}

/* Refuses an incomplete header. A peer that connects and sends nothing (a port check) is not an
 * error. */
static enum admission refuse_header(struct server *server, struct connection *connection,
                                    size_t size, const char *problem)
{
    struct problem why;

    problem_set(&why, "its PROXY header is invalid: %s", problem);
    if (size > 0)
        (void)refuse(server, connection, METRICS_REFUSED_PROXY, why.text);
    return ADMISSION_REFUSED;
}

static void log_client(const struct connection *proxy, const struct address *client)
{
    char text[ADDRESS_PEER_SIZE];

    if (!log_writes(LOG_LEVEL_DEBUG))
        return;
    (void)address_peer_text(client, text, sizeof text);
    log_debug("proxy %s names its client %s", proxy->peer, text);
}

enum admission admit_proxied(struct server *server, struct connection *connection,
                             const unsigned char *bytes, size_t size, size_t *used)
{
    struct proxy_header header;
    bool admitted = true;

    switch (proxy_parse(bytes, size, &header)) {
    case PROXY_CLIENT:
        log_client(connection, &header.peer);
        admitted = admit(server, connection, &header.peer, set_peer(connection, &header.peer));
        break;
    case PROXY_REAL: /* the peer is the proxy; its first message decides: admit_proxy() */
        break;
    case PROXY_UNFINISHED:
        if (!connection->ended)
            return ADMISSION_OPEN;
        return refuse_header(server, connection, size, "it is unfinished");
    case PROXY_MALFORMED:
        return refuse_header(server, connection, size, header.problem.text);
    }
    if (!admitted)
        return ADMISSION_REFUSED;
    *used = header.consumed;
    connection->state = CONNECTION_READING;
    return ADMISSION_GRANTED;
}

bool admit_proxy(struct server *server, struct connection *connection)
{
    const struct address peer = peer_key_address(&connection->key);

    return admit(server, connection, &peer, true);
}

void admit_leave(struct server *server, const struct connection *connection)
{
    if (connection->admitted)
        peer_counts_remove(&server->peers, &connection->key);
    if (connection->refused)
        server->metrics.refused[connection->refusal]++;
    else
        server->metrics.ended[connection->end]++;
}
