#include "kernel_sockets.h"

#include "calls.h"
#include "clients.h"
#include "configurations.h"
#include "disk.h"
#include "history.h"
#include "network.h"
#include "trace.h"
#include "wrap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { FIRST_CHOSEN_PORT = 40000 };

static bool storm;

void sockets_set_storm(bool wanted)
{
    storm = wanted;
}

static int failed(int error)
{
    errno = error;
    return -1;
}

/* ------------------------------------------------------------------------------------- listening
 */

static int new_listening(int family)
{
    for (int at = 0; at < NETWORK_LISTENERS; at++) {
        struct listening *listener = &network_listeners[at];
        if (listener->used)
            continue;
        *listener = (struct listening){.used = true,
                                       .family = family == AF_UNIX    ? FAMILY_UNIX
                                                 : family == AF_INET6 ? FAMILY_IPV6
                                                                      : FAMILY_IPV4};
        return at;
    }
    return failed(ENOBUFS);
}

WRAP(int, socket, int family, int type, int protocol)
{
    (void)protocol;
    if (calls_fail(CALL_SOCKET))
        return -1;
    int flags = O_RDWR | ((type & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0);
    if ((type & SOCK_DGRAM) != 0 && (type & SOCK_STREAM) == 0)
        return descriptors_add(DESCRIPTOR_DATAGRAM, 0, flags);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return failed(EAFNOSUPPORT);
    int object = new_listening(family);
    int fd = object < 0 ? -1 : descriptors_add(DESCRIPTOR_SOCKET, object, flags);
    if (object >= 0 && fd < 0)
        network_listeners[object].used = false;
    trace_call("socket", family, type, fd);
    return fd;
}

static bool is_taken(const struct listening *wanted)
{
    for (int at = 0; at < NETWORK_LISTENERS; at++) {
        const struct listening *other = &network_listeners[at];
        if (other != wanted && other->used && other->port == wanted->port &&
            other->family == wanted->family && !(other->shared && wanted->shared))
            return true;
    }
    return false;
}

/* Makes the file. */
static int bind_unix(struct listening *listener, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_un un = {0};

    memcpy(&un, address, size < sizeof un ? size : sizeof un);
    if (disk_find(un.sun_path) >= 0)
        return failed(EADDRINUSE);
    if (disk_make(un.sun_path, S_IFSOCK | 0660) < 0)
        return failed(ENOSPC);
    listener->port = NETWORK_UNIX;
    return 0;
}

WRAP(int, bind, int fd, const struct sockaddr *address, socklen_t size)
{
    const struct descriptor *socket = descriptors_get(fd);
    struct sockaddr_in in = {0};
    struct sockaddr_in6 in6 = {0};

    if (socket == NULL || calls_fail(CALL_BIND))
        return -1;
    if (socket->kind != DESCRIPTOR_SOCKET)
        return failed(EINVAL);
    struct listening *listener = &network_listeners[socket->object];
    if (listener->family == FAMILY_UNIX)
        return bind_unix(listener, address, size);
    if (listener->family == FAMILY_IPV4) {
        memcpy(&in, address, size < sizeof in ? size : sizeof in);
        listener->port = ntohs(in.sin_port);
        listener->every = in.sin_addr.s_addr == INADDR_ANY;
    } else {
        memcpy(&in6, address, size < sizeof in6 ? size : sizeof in6);
        listener->port = ntohs(in6.sin6_port);
        listener->every = IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
    }
    if (listener->port == 0)
        listener->port = FIRST_CHOSEN_PORT + socket->object;
    bool taken = is_taken(listener);
    if (taken)
        listener->port = 0;
    return taken ? failed(EADDRINUSE) : 0;
}

WRAP(int, listen, int fd, int backlog)
{
    struct descriptor *socket = descriptors_get(fd);

    if (socket == NULL || calls_fail(CALL_LISTEN))
        return -1;
    if (socket->kind != DESCRIPTOR_SOCKET && socket->kind != DESCRIPTOR_LISTENER)
        return failed(EINVAL);
    socket->kind = DESCRIPTOR_LISTENER;
    network_listeners[socket->object].listens = true;
    network_listeners[socket->object].backlog = (size_t)backlog;
    trace_call("listen", fd, backlog, 0);
    return 0;
}

/* Writes an address as a socket call does: what does not fit is cut. */
static void put_address(enum socket_family family, const char *host, int port,
                        struct sockaddr *address, socklen_t *size)
{
    const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};
    socklen_t whole = family == FAMILY_IPV4 ? sizeof in : sizeof in6;
    const void *bytes = family == FAMILY_IPV4 ? (const void *)&in : (const void *)&in6;

    if (family == FAMILY_UNIX) { /* that of a peer has no path */
        whole = port == NETWORK_UNIX ? sizeof un : sizeof un.sun_family;
        memcpy(address, &un, *size < whole ? *size : whole);
        *size = whole;
        return;
    }
    if (inet_pton(family == FAMILY_IPV4 ? AF_INET : AF_INET6, host,
                  family == FAMILY_IPV4 ? (void *)&in.sin_addr : (void *)&in6.sin6_addr) != 1)
        return; /* all hosts here are addresses */
    memcpy(address, bytes, *size < whole ? *size : whole);
    *size = whole;
}

WRAP(int, getsockname, int fd, struct sockaddr *address, socklen_t *size)
{
    const struct descriptor *socket = descriptors_get(fd);

    if (socket == NULL || calls_fail(CALL_GETSOCKNAME))
        return -1;
    if (socket->kind == DESCRIPTOR_CONNECTION) {
        const struct peer *peer = &network_peers[socket->object];
        bool ipv6 = peer->family == FAMILY_IPV6;
        put_address(peer->family, ipv6 ? "::1" : "127.0.0.1",
                    peer->own_port > 0 ? peer->own_port : 8001, address, size);
        return 0;
    }
    if (socket->kind != DESCRIPTOR_SOCKET && socket->kind != DESCRIPTOR_LISTENER)
        return failed(ENOTSOCK);
    const struct listening *listener = &network_listeners[socket->object];
    bool ipv6 = listener->family == FAMILY_IPV6;
    const char *host = listener->every ? (ipv6 ? "::" : "0.0.0.0") : (ipv6 ? "::1" : "127.0.0.1");
    put_address(listener->family, host, listener->port, address, size);
    return 0;
}

WRAP(int, getpeername, int fd, struct sockaddr *address, socklen_t *size)
{
    const struct descriptor *socket = descriptors_get(fd);

    if (socket == NULL)
        return -1;
    if (socket->kind != DESCRIPTOR_CONNECTION)
        return failed(ENOTCONN);
    const struct peer *peer = &network_peers[socket->object];
    put_address(peer->family, peer->host, peer->port, address, size);
    return 0;
}

static int accept_one(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    const struct descriptor *socket = descriptors_get(fd);

    if (socket == NULL || calls_fail(CALL_ACCEPT))
        return -1;
    if (socket->kind != DESCRIPTOR_LISTENER)
        return failed(EINVAL);
    struct listening *listener = &network_listeners[socket->object];
    if (listener->queued == 0)
        return failed(EAGAIN);
    int number = listener->queue[0];
    struct peer *peer = &network_peers[number];
    int accepted = descriptors_add(DESCRIPTOR_CONNECTION, number,
                                   O_RDWR | ((flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0));
    if (accepted < 0)
        return -1;
    memmove(listener->queue, listener->queue + 1, --listener->queued * sizeof *listener->queue);
    peer->state = PEER_ACCEPTED;
    peer->fd = accepted;
    peer->urgent_data = listener->urgent_data;
    put_address(peer->family, peer->host, peer->port, address, size);
    trace_call("accept4", fd, peer->port, accepted);
    return accepted;
}

WRAP(int, accept4, int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return accept_one(fd, address, size, flags);
}

WRAP(int, accept, int fd, struct sockaddr *address, socklen_t *size)
{
    return accept_one(fd, address, size, 0);
}

/* ----------------------------------------------------------------------------------- connections
 */

/* The connection of a descriptor; NULL with errno. */
static struct peer *peer_of(int fd)
{
    const struct descriptor *socket = descriptors_get(fd);

    if (socket == NULL)
        return NULL;
    if (socket->kind == DESCRIPTOR_CONNECTION)
        return &network_peers[socket->object];
    errno = socket->kind == DESCRIPTOR_SOCKET ? ENOTCONN : ENOTSOCK;
    return NULL;
}

static int number_of(const struct peer *peer)
{
    return (int)(peer - network_peers);
}

/* After a call that was made to fail with errno: one that says so comes from a reset. */
static void break_connection(struct peer *peer)
{
    int error = errno;

    if (error != ECONNRESET && error != EPIPE && error != ETIMEDOUT)
        return;
    network_peer_resets(number_of(peer));
    peer->error = 0; /* this call has told it */
    /* EPIPE tells of a reset only behind a FIN. */
    errno = error == EPIPE && !peer->finished ? ECONNRESET : error;
}

/* At the urgent mark Linux says EAGAIN while a signal is pending; the next call goes past it. */
static bool stops_at_mark(struct peer *peer)
{
    if (!peer->has_urgent || peer->urgent != peer->read)
        return false;
    if (storm && chance_percent(&calls_chance, 50))
        return true;
    peer->has_urgent = false;
    peer->read += !peer->urgent_data;
    return false;
}

/* What recv() says where there is nothing to receive. */
static ssize_t receive_end(struct peer *peer)
{
    int error = peer->error;

    if (peer->finished)
        return 0;
    if (error != 0) {
        peer->error = 0;
        return failed(error);
    }
    return peer->reset ? 0 : failed(EAGAIN);
}

static ssize_t receive(int fd, void *bytes, size_t size, int flags)
{
    struct peer *peer = peer_of(fd);
    ssize_t count;

    if (peer == NULL)
        return -1;
    if (calls_fail(CALL_RECV)) {
        break_connection(peer);
        return -1;
    }
    if (stops_at_mark(peer))
        return failed(EAGAIN);
    size_t unread = network_unread(peer);
    if (unread == 0) {
        count = receive_end(peer);
    } else {
        size_t limit = size < unread ? size : unread;
        count = (ssize_t)(client_may_be_cut(number_of(peer)) ? calls_limit(limit) : limit);
        memcpy(bytes, peer->stream + peer->read, (size_t)count);
        if ((flags & MSG_PEEK) == 0)
            peer->read += (size_t)count;
    }
    trace_call("recv", fd, (int64_t)size, count);
    return count;
}

WRAP(ssize_t, recv, int fd, void *bytes, size_t size, int flags)
{
    return receive(fd, bytes, size, flags);
}

WRAP(ssize_t, __recv_chk, int fd, void *bytes, size_t size, size_t room, int flags)
{
    (void)room; /* the compiler's own check; AddressSanitizer does better */
    return receive(fd, bytes, size, flags);
}

/* What send() says where the peer is gone. 0: it is not. */
static int send_error(struct peer *peer)
{
    int error = peer->error;

    if (peer->shut)
        return EPIPE;
    if (!peer->reset)
        return 0;
    peer->error = 0;
    return error != 0 ? error : EPIPE;
}

static ssize_t send_bytes(int fd, const void *bytes, size_t size)
{
    struct peer *peer = peer_of(fd);

    if (peer == NULL)
        return -1;
    clients_offered(number_of(peer), peer->replied + size);
    /* Not EAGAIN after a reset: no signal would follow. Linux says EPIPE. */
    if (calls_fail(CALL_SEND) && !(errno == EAGAIN && peer->reset)) {
        if (errno == EAGAIN) {
            peer->starved = true;
            network_replies_sent(number_of(peer));
        }
        break_connection(peer);
        return -1;
    }
    int error = send_error(peer);
    if (error != 0)
        return failed(error);
    size_t room = peer->window - (peer->replied - peer->delivered);
    size_t count = calls_limit(size < room ? size : room);
    if (count > NETWORK_REPLIES - peer->replied)
        count = NETWORK_REPLIES - peer->replied;
    if (count == 0)
        return failed(EAGAIN);
    memcpy(peer->replies + peer->replied, bytes, count);
    peer->replied += count;
    trace_call("send", fd, (int64_t)size, (int64_t)count);
    clients_replied(number_of(peer));
    network_replies_sent(number_of(peer));
    return (ssize_t)count;
}

WRAP(ssize_t, send, int fd, const void *bytes, size_t size, int flags)
{
    (void)flags; /* MSG_NOSIGNAL; a connection never blocks */
    return send_bytes(fd, bytes, size);
}

WRAP(ssize_t, sendto, int fd, const void *bytes, size_t size, int flags,
     const struct sockaddr *address, socklen_t address_size)
{
    const struct descriptor *socket = descriptors_get(fd);

    (void)address;
    (void)address_size;
    (void)flags;
    if (socket != NULL && socket->kind == DESCRIPTOR_DATAGRAM)
        return (ssize_t)size;
    return send_bytes(fd, bytes, size);
}

WRAP(int, shutdown, int fd, int how)
{
    struct peer *peer = peer_of(fd);

    if (peer == NULL || calls_fail(CALL_OTHER))
        return -1;
    if (peer->reset)
        return failed(ENOTCONN);
    if (how != SHUT_RD)
        peer->shut = true;
    trace_call("shutdown", fd, how, 0);
    return 0;
}

WRAP(int, connect, int fd, const struct sockaddr *address, socklen_t size)
{
    struct descriptor *socket = descriptors_get(fd);

    (void)address; /* there is one server, or none */
    (void)size;
    if (socket == NULL || calls_fail(CALL_CONNECT))
        return -1;
    if (socket->kind != DESCRIPTOR_SOCKET)
        return failed(ECONNREFUSED);
    if (network_listeners[socket->object].family == FAMILY_UNIX)
        return network_has_unix() ? 0 : failed(ECONNREFUSED); /* the server's own question */
    int number = history_connects();
    trace_call("connect", fd, 0, number);
    if (number < 0)
        return -1;
    network_listener_closes(socket->object);
    socket->kind = DESCRIPTOR_CONNECTION;
    socket->object = number;
    network_peers[number].fd = fd;
    return network_peers[number].connecting ? failed(EINPROGRESS) : 0;
}

void sockets_close(const struct descriptor *socket)
{
    if (socket->kind == DESCRIPTOR_CONNECTION)
        network_server_closes(socket->object);
    else if (socket->kind != DESCRIPTOR_DATAGRAM)
        network_listener_closes(socket->object);
}

/* --------------------------------------------------------------------------------------- options
 */

WRAP(int, setsockopt, int fd, int level, int option, const void *value, socklen_t size)
{
    const struct descriptor *socket = descriptors_get(fd);
    int number = 0;

    if (socket == NULL || calls_fail(CALL_SETSOCKOPT))
        return -1;
    memcpy(&number, value, size < sizeof number ? size : sizeof number);
    if (level == SOL_SOCKET && option == SO_REUSEPORT && socket->kind != DESCRIPTOR_CONNECTION)
        network_listeners[socket->object].shared = number != 0;
    if (level == SOL_SOCKET && option == SO_LINGER && socket->kind == DESCRIPTOR_CONNECTION)
        network_peers[socket->object].lingers = number != 0;
    if (level == SOL_SOCKET && option == SO_OOBINLINE && socket->kind == DESCRIPTOR_CONNECTION)
        network_peers[socket->object].urgent_data = number != 0;
    else if (level == SOL_SOCKET && option == SO_OOBINLINE)
        network_listeners[socket->object].urgent_data = number != 0;
    return 0;
}

WRAP(int, getsockopt, int fd, int level, int option, void *value, socklen_t *size)
{
    const struct descriptor *socket = descriptors_get(fd);
    int number = 0;

    if (socket == NULL)
        return -1;
    if (level == SOL_SOCKET && option == SO_TYPE)
        number = SOCK_STREAM;
    else if (level == SOL_SOCKET && option == SO_ACCEPTCONN)
        number = socket->kind == DESCRIPTOR_LISTENER;
    else if (level == SOL_SOCKET && option == SO_ERROR && socket->kind == DESCRIPTOR_CONNECTION)
        number = network_peers[socket->object].error;
    else if (level == IPPROTO_TCP && option == TCP_MAXSEG && socket->kind == DESCRIPTOR_CONNECTION)
        number = network_peers[socket->object].segment;
    memcpy(value, &number, *size < sizeof number ? *size : sizeof number);
    return 0;
}

WRAP(int, ioctl, int fd, unsigned long request, ...)
{
    const struct peer *peer = peer_of(fd);
    va_list args;

    va_start(args, request);
    int *value = va_arg(args, int *);
    va_end(args);
    if (peer == NULL || calls_fail(CALL_IOCTL))
        return -1;
    if (request == TIOCOUTQ)
        *value = (int)(peer->replied - peer->delivered);
    else if (request == FIONREAD)
        *value = (int)(peer->sent - peer->read);
    else
        return failed(ENOTTY);
    trace_call("ioctl", fd, (int64_t)request, *value);
    return 0;
}
