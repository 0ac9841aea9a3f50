#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define LINE "PING\r\n"

void clients_fail(const char *what)
{
    (void)fprintf(stderr, "bench load: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

size_t clients_number(const char *what, const char *text, size_t most)
{
    char *end;

    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno == 0 && (end == text || *end != '\0' || number > most))
        errno = EINVAL;
    if (errno != 0)
        clients_fail(what);
    return number;
}

void clients_make_room(size_t count)
{
    enum { RESERVE = 16 }; /* standard streams, epoll */
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        clients_fail("descriptor limit");
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < count + RESERVE) {
        limit.rlim_cur = count + RESERVE;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            clients_fail("raising the descriptor limit (ulimit -Hn)");
    }
}

static int open_one(const struct sockaddr_in *address, in_addr_t source)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(source)}};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        clients_fail("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        clients_fail("setsockopt");
    /* connect() chooses the port: one that is free for this destination */
    if (source != INADDR_ANY &&
        (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) != 0 ||
         bind(fd, (const struct sockaddr *)&from, sizeof from) != 0))
        clients_fail("bind");
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        clients_fail("connect");
    return fd;
}

void clients_open(in_port_t port, in_addr_t source, int *fds, size_t count)
{
    enum { PER_SOURCE = 4000 }; /* few enough of its ports to find a free one at once */
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};

    for (size_t i = 0; i < count; i++)
        fds[i] = open_one(&address,
                          source == INADDR_ANY ? source : source + (in_addr_t)(i / PER_SOURCE));
}

void clients_send(int fd)
{
    ssize_t sent = send(fd, LINE, sizeof LINE - 1, MSG_NOSIGNAL);

    if (sent != sizeof LINE - 1) {
        if (sent >= 0)
            errno = ENOBUFS; /* six bytes that do not fit: the server stopped reading */
        clients_fail("send");
    }
}

void clients_receive(int fd)
{
    char reply[64];
    ssize_t got = recv(fd, reply, sizeof reply, 0);

    if (got > 0 && reply[got - 1] == '\n')
        return;
    if (got >= 0)
        errno = got == 0 ? ECONNRESET : EPROTO; /* so short a reply is never split on loopback */
    clients_fail("receive");
}

int clients_listen(in_port_t port)
{
    enum { BACKLOG = 4096 };
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0)
        clients_fail("listen");
    return fd;
}

size_t clients_count_newlines(const char *bytes, size_t size)
{
    const char *end = bytes + size;
    size_t lines = 0;

    while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        lines++;
        bytes++;
    }
    return lines;
}

uint64_t clients_now(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        clients_fail("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
