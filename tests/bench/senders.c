/*
 * senders.c: as many lines as a server takes, for `make bench`: SENDERS connections send LINES
 * syslog lines of 91 bytes in all, as fast as the server reads them. Without FILE, the server must
 * answer each line; the time ends with the last answer. With FILE, answers are not expected; the
 * time ends when FILE, which the server writes, has LINES lines more than before. Prints the
 * seconds, from the first byte on. Fails, saying so, if a line was not answered or not written.
 */
#include "clients.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE                                                                                       \
    "<13>1 2026-01-01T00:00:00Z door3.example.org reader - - - card 004711 accepted, opened now\n"

enum {
    LINE_SIZE = sizeof LINE - 1,
    CHUNK_LINES = 1000,
    CHUNK_SIZE = CHUNK_LINES * LINE_SIZE,
    EVENTS = 256,
    SENDERS_MAX = 10000,
    LINES_MAX = 1000000000,
    LOOK_NS = 1000000, /* between two looks at a file that did not grow */
    STUCK_S = 60,      /* without a new line in the file: they are lost */
};

_Static_assert(LINE_SIZE == 91, "the size of a line is in the documents");

struct sender {
    int fd;
    size_t sent; /* bytes */
    size_t size; /* bytes that it sends in all */
};

struct load {
    int epoll;
    struct sender *senders;
    size_t count;
    size_t live;     /* senders that have not sent everything; with answers: not got the end */
    size_t answered; /* lines */
    const char *file;
};

static char chunk[CHUNK_SIZE];
static char input[256 * 1024];

static void watch(struct load *load, size_t at, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.u32 = (uint32_t)at}};

    if (epoll_ctl(load->epoll, operation, load->senders[at].fd, &event) != 0)
        clients_fail("epoll_ctl");
}

static void start(struct load *load, in_port_t port, size_t lines)
{
    int *fds = calloc(load->count, sizeof *fds);

    load->senders = calloc(load->count, sizeof *load->senders);
    load->epoll = epoll_create1(0);
    if (fds == NULL || load->senders == NULL || load->epoll < 0)
        clients_fail("memory");
    for (size_t i = 0; i < CHUNK_LINES; i++)
        memcpy(chunk + i * LINE_SIZE, LINE, LINE_SIZE);
    clients_make_room(load->count);
    clients_open(port, INADDR_ANY, fds, load->count);
    load->live = load->count;
    for (size_t i = 0; i < load->count; i++) {
        size_t own = lines / load->count + (i < lines % load->count);
        load->senders[i] = (struct sender){.fd = fds[i], .size = own * LINE_SIZE};
        watch(load, i, EPOLL_CTL_ADD, load->file != NULL ? EPOLLOUT : EPOLLOUT | EPOLLIN);
    }
    free(fds);
}

static void sender_send(struct load *load, size_t at)
{
    struct sender *sender = &load->senders[at];
    size_t from = sender->sent % CHUNK_SIZE;
    size_t left = sender->size - sender->sent;
    size_t now = left < CHUNK_SIZE - from ? left : CHUNK_SIZE - from;
    ssize_t sent = send(sender->fd, chunk + from, now, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN)
        clients_fail("send");
    if (sent > 0)
        sender->sent += (size_t)sent;
    if (sender->sent < sender->size)
        return;
    if (shutdown(sender->fd, SHUT_WR) != 0)
        clients_fail("shutdown");
    watch(load, at, EPOLL_CTL_MOD, load->file != NULL ? 0 : EPOLLIN);
    load->live -= load->file != NULL;
}

static void sender_receive(struct load *load, size_t at)
{
    struct sender *sender = &load->senders[at];
    ssize_t got = recv(sender->fd, input, sizeof input, MSG_DONTWAIT);

    if (got > 0) {
        load->answered += clients_count_newlines(input, (size_t)got);
    } else if (got == 0) { /* the server closes when everything is answered */
        watch(load, at, EPOLL_CTL_DEL, 0);
        load->live--;
    } else if (errno != EAGAIN) {
        clients_fail("receive");
    }
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];

    while (load->live > 0) {
        int ready = epoll_wait(load->epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            clients_fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            size_t at = events[i].data.u32;
            if ((events[i].events & EPOLLERR) != 0) {
                errno = ECONNRESET;
                clients_fail("a sender");
            }
            if ((events[i].events & EPOLLOUT) != 0)
                sender_send(load, at);
            if ((events[i].events & EPOLLIN) != 0)
                sender_receive(load, at);
        }
    }
}

/* Waits until `lines` lines have been added to the file since it was opened. */
static void wait_for_lines(int file, size_t lines)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    uint64_t grown = clients_now();

    for (size_t found = 0; found < lines;) {
        ssize_t got = read(file, input, sizeof input);
        if (got < 0)
            clients_fail("reading the server's file");
        found += clients_count_newlines(input, (size_t)got);
        if (got > 0) {
            grown = clients_now();
        } else if (clients_now() - grown > STUCK_S * UINT64_C(1000000000)) {
            (void)fprintf(stderr, "bench load: %zu of %zu lines are in the file\n", found, lines);
            exit(EXIT_FAILURE);
        } else {
            (void)nanosleep(&look, NULL); /* one that is interrupted looks earlier */
        }
    }
}

int main(int argc, char **argv)
{
    struct load load = {0};
    int file = -1;

    if (argc != 4 && argc != 5) {
        (void)fputs("usage: senders PORT SENDERS LINES [FILE]\n", stderr);
        return EXIT_FAILURE;
    }
    in_port_t port = (in_port_t)clients_number("port", argv[1], 65535);
    load.count = clients_number("senders", argv[2], SENDERS_MAX);
    size_t lines = clients_number("lines", argv[3], LINES_MAX);
    load.file = argv[4]; /* NULL without */
    if (load.count == 0 || lines < load.count) {
        errno = EINVAL;
        clients_fail("nothing to send");
    }
    if (load.file != NULL) {
        file = open(load.file, O_RDONLY);
        if (file < 0 || lseek(file, 0, SEEK_END) < 0)
            clients_fail("opening the server's file");
    }
    start(&load, port, lines);
    uint64_t begin = clients_now();
    run(&load);
    if (file >= 0)
        wait_for_lines(file, lines);
    uint64_t end = clients_now();
    if (file < 0 && load.answered != lines) {
        (void)fprintf(stderr, "bench load: %zu of %zu lines were answered\n", load.answered, lines);
        return EXIT_FAILURE;
    }
    printf("%.6f\n", (double)(end - begin) / 1e9);
    return EXIT_SUCCESS;
}
