/*
 * floor.c: the least that answering a line can cost: a bare epoll loop that only reads, counts
 * newlines and writes as many "+PONG" back. It checks nothing and survives nothing, and keeps
 * nothing either; with FILE, it appends the bytes as they came to FILE before it answers. `make
 * bench` measures it beside the others, to show how much of the price is the kernel's.
 */
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY "+PONG\r\n"
enum {
    REPLY_SIZE = sizeof REPLY - 1,
    BUFFER_SIZE = 16384,
    FILE_BUFFER_SIZE = 256 * 1024, /* with FILE: larger ones make it no faster */
    EVENTS = 1024,
};

static char buffer[FILE_BUFFER_SIZE];
static char replies[FILE_BUFFER_SIZE * REPLY_SIZE]; /* as many as one full buffer can ask for */
static int file = -1;

static void stop(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        stop("floor: epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int one = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
            stop("floor: TCP_NODELAY");
        watch(epoll, fd);
    }
    if (errno != EAGAIN)
        stop("floor: accept");
}

static void answer(int fd)
{
    ssize_t got = read(fd, buffer, file < 0 ? BUFFER_SIZE : FILE_BUFFER_SIZE);

    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    if (file >= 0 && write(file, buffer, (size_t)got) != got)
        stop("floor: write");
    size_t lines = clients_count_newlines(buffer, (size_t)got);
    if (lines > 0 && write(fd, replies, lines * REPLY_SIZE) != (ssize_t)(lines * REPLY_SIZE))
        close(fd); /* a client that does not read is none of the floor's business */
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    if (argc != 2 && argc != 3) {
        (void)fputs("usage: floor PORT [FILE]\n", stderr);
        return EXIT_FAILURE;
    }
    if (argc == 3 && (file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0)
        stop("floor: FILE");
    for (size_t i = 0; i < sizeof replies; i += REPLY_SIZE)
        memcpy(replies + i, REPLY, REPLY_SIZE);
    int listener = clients_listen((in_port_t)strtoul(argv[1], NULL, 10));
    int epoll = epoll_create1(0);
    if (epoll < 0)
        stop("floor: epoll_create1");
    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            stop("floor: epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                answer(events[i].data.fd);
        }
    }
}
