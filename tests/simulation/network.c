#include "network.h"

#include "clients.h"
#include "configurations.h"
#include "disk.h"
#include "signals_simulated.h"
#include "trace.h"
#include "virtual_time.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { SLOW_US = 1000 };

struct peer network_peers[NETWORK_PEERS];
struct listening network_listeners[NETWORK_LISTENERS];

static unsigned char streams[NETWORK_PEERS][NETWORK_STREAM];
static unsigned char replies[NETWORK_PEERS][NETWORK_REPLIES];
static int64_t delay;
static int in_use; /* peers below this number may be in use */

void network_begin(void)
{
    memset(network_peers, 0, sizeof network_peers);
    memset(network_listeners, 0, sizeof network_listeners);
    for (int at = 0; at < NETWORK_PEERS; at++) {
        network_peers[at].stream = streams[at];
        network_peers[at].replies = replies[at];
    }
    delay = 50;
    in_use = 0;
}

static void note_use(int number)
{
    if (number >= in_use)
        in_use = number + 1;
}

struct peer *network_make(int number)
{
    struct peer *peer = &network_peers[number];

    note_use(number);
    *peer = (struct peer){
        .state = PEER_ACCEPTED,
        .family = FAMILY_IPV4,
        .host = "127.0.0.1",
        .reads = true,
        .stream = streams[number],
        .replies = replies[number],
    };
    return peer;
}

void network_set_delay(int64_t microseconds)
{
    delay = microseconds;
}

bool network_is_slow(void)
{
    return delay > SLOW_US;
}

static void send_sigio(const struct peer *peer, int code)
{
    if (peer->state == PEER_ACCEPTED && peer->signals)
        signals_from_socket(peer->signal, peer->fd, code);
}

/* -------------------------------------------------------------------------------- listening */

static bool serves(const struct listening *listener, const struct peer *peer, int port)
{
    return listener->used && listener->listens && listener->port == port &&
           listener->family == peer->family;
}

bool network_has_unix(void)
{
    for (int at = 0; at < NETWORK_LISTENERS; at++)
        if (network_listeners[at].used && network_listeners[at].listens &&
            network_listeners[at].family == FAMILY_UNIX)
            return true;
    return false;
}

bool network_connect(int number, int port)
{
    struct peer *peer = &network_peers[number];

    note_use(number);
    bool is_there = port != NETWORK_UNIX || disk_find(SOCKET_PATH) >= 0;
    for (int at = 0; is_there && at < NETWORK_LISTENERS; at++) {
        struct listening *listener = &network_listeners[at];
        if (!serves(listener, peer, port))
            continue;
        if (listener->queued > listener->backlog || listener->queued == NETWORK_QUEUE)
            break; /* the peer would try again; here it gives up */
        listener->queue[listener->queued++] = number;
        peer->state = PEER_WAITING;
        return true;
    }
    peer->state = PEER_CLOSED;
    return false;
}

bool network_listener_is_readable(int listener)
{
    return network_listeners[listener].queued > 0;
}

void network_listener_closes(int number)
{
    struct listening *listener = &network_listeners[number];

    for (size_t at = 0; at < listener->queued; at++) {
        struct peer *peer = &network_peers[listener->queue[at]];
        peer->state = PEER_CLOSED;
        peer->was_reset = true;
    }
    *listener = (struct listening){0};
}

/* ------------------------------------------------------------------------------ the peer's end */

void network_peer_sends(int number, size_t size)
{
    struct peer *peer = &network_peers[number];

    peer->sent += size;
    send_sigio(peer, POLL_IN);
}

void network_peer_sends_urgent(int number)
{
    struct peer *peer = &network_peers[number];

    peer->has_urgent = true; /* an earlier one is not urgent any more: tcp(7) */
    peer->urgent = peer->sent++;
    send_sigio(peer, POLL_PRI);
    send_sigio(peer, POLL_IN);
}

void network_peer_finishes(int number)
{
    struct peer *peer = &network_peers[number];

    peer->finished = true;
    send_sigio(peer, POLL_IN);
}

void network_peer_resets(int number)
{
    struct peer *peer = &network_peers[number];

    peer->error = peer->finished ? EPIPE : ECONNRESET;
    peer->reset = true;
    peer->gone = true;
    peer->due = 0;
    send_sigio(peer, POLL_ERR);
}

void network_peer_closes(int number)
{
    struct peer *peer = &network_peers[number];

    peer->gone = true;
    if (!peer->finished)
        network_peer_finishes(number);
}

/* ---------------------------------------------------------------------------- the server's end */

size_t network_unread(const struct peer *peer)
{
    if (peer->has_urgent && peer->urgent > peer->read)
        return peer->urgent - peer->read;
    return peer->sent - peer->read;
}

bool network_is_readable(const struct peer *peer)
{
    if (peer->connecting)
        return false;
    return peer->sent > peer->read || peer->finished || peer->reset;
}

bool network_is_writable(const struct peer *peer)
{
    size_t unconfirmed = peer->replied - peer->delivered;

    if (peer->connecting)
        return false;
    return peer->reset || 3 * unconfirmed <= 2 * peer->window;
}

void network_server_closes(int number)
{
    struct peer *peer = &network_peers[number];

    if (peer->state != PEER_ACCEPTED)
        return;
    clients_closed(number);
    peer->state = PEER_CLOSED;
    peer->signals = false;
    if (peer->sent > peer->read || peer->lingers) { /* tcp(7): unread data makes it a reset */
        peer->was_reset = true;
        peer->due = 0;
    }
    peer->shut = true;
}

void network_process_ends(bool silent)
{
    for (int at = 0; at < in_use; at++) {
        struct peer *peer = &network_peers[at];
        if (silent && peer->state == PEER_ACCEPTED)
            peer->due = 0; /* nobody sends again what is under way */
        network_server_closes(at);
    }
    for (int at = 0; at < NETWORK_LISTENERS; at++)
        if (network_listeners[at].used)
            network_listener_closes(at);
}

void network_replies_sent(int number)
{
    struct peer *peer = &network_peers[number];

    if (peer->due == 0)
        peer->due = virtual_now() + delay;
}

/* What is under way arrives, where the peer takes it. */
static void arrive(int number)
{
    struct peer *peer = &network_peers[number];
    bool was_full = !network_is_writable(peer);

    if (peer->gone) {
        if (!peer->reset && peer->state == PEER_ACCEPTED)
            network_peer_resets(number);
        peer->due = 0;
        return;
    }
    if (!peer->reads)
        return;
    peer->due = 0;
    peer->delivered = peer->replied;
    trace_note("peer %d has %zu bytes of replies", number, peer->delivered);
    if (was_full || peer->starved)
        send_sigio(peer, POLL_OUT);
    peer->starved = false;
}

static bool is_due(const struct peer *peer)
{
    return peer->due != 0 && peer->due <= virtual_now() && (peer->reads || peer->gone);
}

void network_arrive(void)
{
    for (int at = 0; at < in_use; at++)
        if (is_due(&network_peers[at]))
            arrive(at);
}

int64_t network_due(void)
{
    int64_t first = INT64_MAX;

    for (int at = 0; at < in_use; at++) {
        const struct peer *peer = &network_peers[at];
        if (peer->due != 0 && peer->due < first && (peer->reads || peer->gone))
            first = peer->due;
    }
    return first;
}
