/*
 * ask.c: CLIENTS connections that send a line, wait for the reply, and send the next at once, for
 * COUNT messages in all. Prints how many were answered in a second. As redis-benchmark does it,
 * with half of its instructions: for `make bench` where the server is not alone on its CPU.
 */
#include "clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { EVENTS = 1024, CLIENTS_MAX = 10000, COUNT_MAX = 100000000 };

static int watch(const int *fds, size_t count)
{
    int epoll = epoll_create1(0);

    if (epoll < 0)
        clients_fail("epoll_create1");
    for (size_t at = 0; at < count; at++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fds[at]}};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[at], &event) != 0)
            clients_fail("epoll_ctl");
    }
    return epoll;
}

/* Until `count` messages are answered. */
static void ask(int epoll, const int *fds, size_t clients, size_t count)
{
    struct epoll_event events[EVENTS];
    size_t sent = 0;

    for (; sent < clients && sent < count; sent++)
        clients_send(fds[sent]);
    for (size_t answered = 0; answered < count;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            clients_fail("epoll_wait");
        for (int at = 0; at < ready; at++) {
            clients_receive(events[at].data.fd);
            answered++;
            if (sent < count) {
                clients_send(events[at].data.fd);
                sent++;
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: ask PORT CLIENTS COUNT\n");
        return EXIT_FAILURE;
    }
    in_port_t port = (in_port_t)clients_number("PORT", argv[1], 65535);
    size_t clients = clients_number("CLIENTS", argv[2], CLIENTS_MAX);
    size_t count = clients_number("COUNT", argv[3], COUNT_MAX);
    int *fds = calloc(clients, sizeof *fds);
    if (fds == NULL)
        clients_fail("memory");
    clients_make_room(clients);
    clients_open(port, INADDR_ANY, fds, clients);
    int epoll = watch(fds, clients);
    uint64_t begin = clients_now();
    ask(epoll, fds, clients, count);
    printf("%.0f\n", (double)count * 1e9 / (double)(clients_now() - begin));
    return EXIT_SUCCESS;
}
