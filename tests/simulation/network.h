/*
 * network.h: the simulated network: listening sockets, and connections with both of their ends. The
 * server's end is served by kernel_sockets.c, the peer's by clients.c; between the two lie a queue
 * in each direction, a window that a peer which does not read fills, and a delay.
 */
#ifndef TCPACK_SIMULATION_NETWORK_H
#define TCPACK_SIMULATION_NETWORK_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NETWORK_LISTENERS = 16,
    NETWORK_PEERS = 48,
    NETWORK_UNIX = 1,             /* stands for the port of the one Unix socket */
    NETWORK_QUEUE = 64,           /* connections that wait at a listener */
    NETWORK_STREAM = 24 * 1024,   /* bytes that a peer sends in its life, */
    NETWORK_REPLIES = 192 * 1024, /* and is sent */
};

enum socket_family { FAMILY_UNIX = 1, FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };

struct listening {
    bool used;
    bool listens;
    bool shared;      /* SO_REUSEPORT */
    bool urgent_data; /* SO_OOBINLINE, which its connections inherit */
    bool every;       /* bound to the family's any address */
    enum socket_family family;
    int port; /* of a Unix socket: NETWORK_UNIX */
    size_t backlog;
    int queue[NETWORK_QUEUE];
    size_t queued;
};

enum peer_state {
    PEER_NONE,
    PEER_WAITING, /* connected, and not yet accepted */
    PEER_ACCEPTED,
    PEER_CLOSED, /* the server has closed it, or nobody listened */
};

struct peer {
    enum peer_state state;
    enum socket_family family;
    const char *host; /* its address as text, without brackets */
    int port;         /* its own */
    int fd;           /* the server's descriptor */

    /* What the peer sent. */
    unsigned char *stream;
    size_t sent;   /* bytes that have arrived at the server's kernel */
    size_t read;   /* of those, bytes that the server has received */
    bool finished; /* the peer's FIN came behind them */
    bool reset;    /* the peer's RST came */
    int error;     /* that the next call is told: errno, 0: none */
    bool has_urgent;
    size_t urgent;    /* where in the stream the urgent byte lies */
    bool urgent_data; /* it is received like the others: SO_OOBINLINE */

    /* What the server sent. */
    unsigned char *replies;
    size_t replied;   /* bytes that the server's kernel took */
    size_t delivered; /* of those, bytes that the peer has */
    size_t window;    /* most bytes that may be between the two */
    bool reads;       /* the peer takes what comes */
    bool starved;     /* send() was told that there is no room: a signal says when there is */
    bool gone;        /* the peer has closed: what comes is answered with RST */
    int64_t due;      /* when what is under way arrives; 0: nothing is */
    bool shut;        /* the server has finished sending */
    bool was_reset;   /* the server's RST came */

    /* If the process connected (history_connects()), and the peer is a server. */
    bool connecting; /* connect() has not finished */
    bool lingers;    /* SO_LINGER: close() is a reset */
    int own_port;    /* of the process's end */
    int segment;     /* TCP_MAXSEG */

    bool signals; /* O_ASYNC */
    int signal;   /* F_SETSIG */
};

extern struct peer network_peers[NETWORK_PEERS];
extern struct listening network_listeners[NETWORK_LISTENERS];

void network_begin(void);

/* Microseconds that replies take to arrive, from now on. */
void network_set_delay(int64_t delay);

/* Whether that is so long that the server need not wait for a peer when it stops. */
bool network_is_slow(void);

/* The server ends: its connections are closed as its kernel does it. `silent`: with the power. */
void network_process_ends(bool silent);

/* Whether somebody listens at the Unix socket. */
bool network_has_unix(void);

/* The peer connects to a port. False: nobody listens there, or the queue is full. */
bool network_connect(int number, int port);

/* Things that the peer does. */
void network_peer_sends(int number, size_t size);
void network_peer_sends_urgent(int number); /* one byte */
void network_peer_finishes(int number);
void network_peer_resets(int number);
void network_peer_closes(int number);

/* A new connection, from the process to a server; the caller fills in the rest. */
struct peer *network_make(int number);

/* Bytes that the server may receive now, up to the urgent mark; and how many there are in all. */
size_t network_unread(const struct peer *peer);

/* Whether select() says so. */
bool network_is_readable(const struct peer *peer);
bool network_is_writable(const struct peer *peer);
bool network_listener_is_readable(int listener);

/* The server closes its end, or a listener. */
void network_server_closes(int number);
void network_listener_closes(int listener);

/* Sends what is under way on its way. Lets arrive what is due. */
void network_replies_sent(int number);
void network_arrive(void);

/* When the next of it is due; INT64_MAX: nothing is. */
int64_t network_due(void);

#endif
