#include "server/listener/socket.h"

#include "common/number.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unanswered keepalive probes after which a peer is gone. At least two: one may be lost. */
enum { KEEPALIVE_PROBES = 5, KEEPALIVE_PROBES_MIN = 2 };

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool listener_socket_keep_urgent(int fd)
{
    return set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

bool listener_socket_set_inherited(int fd, const struct config_listener *config)
{
    int seconds = (int)config->keepalive;

    /* No TCP_USER_TIMEOUT: the kernel would use it instead of the number of probes. */
    if (!listener_socket_keep_urgent(fd) || !set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) ||
        !set_option(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0))
        return false;
    if (seconds == 0)
        return true;
#ifdef TCP_KEEPIDLE
    int interval = (seconds + KEEPALIVE_PROBES - 1) / KEEPALIVE_PROBES;
    int probes = (seconds + interval - 1) / interval;
    if (!set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds) ||
        !set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval) ||
        !set_option(fd, IPPROTO_TCP, TCP_KEEPCNT,
                    probes < KEEPALIVE_PROBES_MIN ? KEEPALIVE_PROBES_MIN : probes))
        return false;
#endif
    return true;
}

/* Whether it is an IPv4 address in the form of an IPv6 one, such as ::ffff:127.0.0.1. */
static bool is_mapped(const struct address *address)
{
    struct sockaddr_in6 in6;

    memcpy(&in6, &address->storage, sizeof in6); /* aliasing rules forbid a cast */
    return IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
}

static bool set_options(int fd, const struct address *address, const struct config_listener *config)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return false;
    if (address->storage.ss_family == AF_UNIX)
        return true;
    if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return false;
    /* There is a separate socket for IPv4. */
    if (address->storage.ss_family == AF_INET6 &&
        !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_mapped(address)))
        return false;
    return listener_socket_set_inherited(fd, config);
}

static bool listen_at(int fd, const struct address *address, const struct config_listener *config,
                      struct unix_socket *file)
{
    if (address->storage.ss_family == AF_UNIX)
        return unix_socket_listen(fd, address, (mode_t)config->socket_mode, (int)config->backlog,
                                  file);
    return bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0 &&
           listen(fd, (int)config->backlog) == 0;
}

bool listener_socket_share(int fd, bool share)
{
    return set_option(fd, SOL_SOCKET, SO_REUSEPORT, share);
}

int listener_socket_open(const struct address *address, const struct config_listener *config,
                         bool beside, struct unix_socket *file)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    if (set_options(fd, address, config) && (!beside || listener_socket_share(fd, true)) &&
        listen_at(fd, address, config, file) && (!beside || listener_socket_share(fd, false)))
        return fd;
    int saved = errno;
    (void)close(fd); /* it was never used */
    errno = saved;
    return -1;
}

uint64_t listener_backlog_limit(void)
{
    char text[32] = "";
    uint64_t limit = 0;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");

    if (file == NULL)
        return 0;
    if (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        if (!number_parse(text, 10, 1, UINT64_MAX, &limit))
            limit = 0;
    }
    (void)fclose(file); /* it was only read */
    return limit;
}
