/*
 * latency.c: how long a client waits that was silent for a while, beside busy ones, for `make
 * bench`. IDLE clients send one line each and fall silent; BUSY clients send a line, wait for the
 * answer, and send the next at once, from the beginning to the end. After SILENCE seconds one idle
 * client after the other speaks up once, some 10 ms apart, SAMPLES in all. Prints one JSON object,
 * times in microseconds: those of the silent ones, and of the busy ones' p99 (one for each client,
 * over the same stretch) the median and the highest.
 */
#include "clients.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS = 256, GAP_MEAN_US = 10000, SAMPLES_MAX = 1 << 20 };

struct times {
    double *us;
    size_t count;
    size_t room;
};

struct client {
    int fd;
    bool busy;
    uint64_t sent; /* clients_now() */
};

struct load {
    int epoll;
    bool measuring;
    struct client *clients; /* the busy ones first */
    struct times *busy;     /* one for each busy client */
    struct times silent;
};

static void times_add(struct times *times, uint64_t from)
{
    if (times->count == times->room) {
        times->room = times->room == 0 ? 1024 : 2 * times->room;
        times->us = realloc(times->us, times->room * sizeof *times->us);
        if (times->us == NULL)
            clients_fail("memory");
    }
    times->us[times->count++] = (double)(clients_now() - from) / 1e3;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts, and returns the value that `percent` of them do not exceed. */
static double times_percentile(struct times *times, size_t percent)
{
    if (times->count == 0) {
        errno = ENODATA;
        clients_fail("a client that never got an answer");
    }
    qsort(times->us, times->count, sizeof *times->us, compare);
    return times->us[(times->count - 1) * percent / 100];
}

static void client_send(struct client *client)
{
    client->sent = clients_now();
    clients_send(client->fd);
}

static void serve(struct load *load, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(load->epoll, events, EVENTS, timeout_ms);

    if (ready < 0 && errno != EINTR)
        clients_fail("epoll_wait");
    for (int i = 0; i < ready; i++) {
        struct client *client = &load->clients[events[i].data.u32];
        clients_receive(client->fd);
        if (load->measuring)
            times_add(client->busy ? &load->busy[events[i].data.u32] : &load->silent, client->sent);
        if (client->busy)
            client_send(client);
    }
}

static void start(struct load *load, in_port_t port, size_t busy, size_t idle)
{
    size_t count = busy + idle;
    int *fds = calloc(count, sizeof *fds);

    load->clients = calloc(count, sizeof *load->clients);
    load->busy = calloc(busy, sizeof *load->busy);
    load->epoll = epoll_create1(0);
    if (fds == NULL || load->clients == NULL || load->busy == NULL || load->epoll < 0)
        clients_fail("memory");
    clients_make_room(count);
    clients_open(port, INADDR_ANY, fds, count);
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)i}};
        load->clients[i] = (struct client){.fd = fds[i], .busy = i < busy};
        clients_send(fds[i]);
        clients_receive(fds[i]);
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fds[i], &event) != 0)
            clients_fail("epoll_ctl");
    }
    for (size_t i = 0; i < busy; i++)
        client_send(&load->clients[i]);
    free(fds);
}

/* Half to one and a half times the mean: no beat with anything that the server does regularly. */
static uint64_t gap_ns(void)
{
    static uint32_t state = 2463534242U; /* the same gaps in every run: xorshift32 */

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (GAP_MEAN_US / 2 + state % GAP_MEAN_US) * UINT64_C(1000);
}

static void measure(struct load *load, size_t busy, size_t samples)
{
    uint64_t next = clients_now();

    load->measuring = true;
    for (size_t i = 0; load->silent.count < samples;) {
        if (i < samples && clients_now() >= next) {
            client_send(&load->clients[busy + i++]);
            next = clients_now() + gap_ns();
        }
        serve(load, 1);
    }
    load->measuring = false;
}

static void report(struct load *load, size_t busy)
{
    struct times p99s = {0};
    size_t answers = 0;
    size_t last = load->silent.count - 1;

    p99s.us = calloc(busy, sizeof *p99s.us);
    if (p99s.us == NULL)
        clients_fail("memory");
    for (size_t i = 0; i < busy; i++) {
        p99s.us[p99s.count++] = times_percentile(&load->busy[i], 99);
        answers += load->busy[i].count;
    }
    double p99 = times_percentile(&load->silent, 99);
    printf("{\"silent_p50\": %.1f, \"silent_p99\": %.1f, \"silent_max\": %.1f, "
           "\"busy_p99_median\": %.1f, \"busy_p99_max\": %.1f, \"busy_answers\": %zu}\n",
           times_percentile(&load->silent, 50), p99, load->silent.us[last],
           times_percentile(&p99s, 50), times_percentile(&p99s, 100), answers);
    free(p99s.us);
}

int main(int argc, char **argv)
{
    struct load load = {0};

    if (argc != 6) {
        (void)fputs("usage: latency PORT IDLE BUSY SILENCE SAMPLES\n", stderr);
        return EXIT_FAILURE;
    }
    in_port_t port = (in_port_t)clients_number("port", argv[1], 65535);
    size_t idle = clients_number("idle", argv[2], SAMPLES_MAX);
    size_t busy = clients_number("busy", argv[3], SAMPLES_MAX);
    size_t silence = clients_number("silence", argv[4], 3600);
    size_t samples = clients_number("samples", argv[5], idle);
    if (busy == 0 || samples == 0) {
        errno = EINVAL;
        clients_fail("nothing to measure");
    }
    start(&load, port, busy, idle);
    for (uint64_t end = clients_now() + silence * UINT64_C(1000000000); clients_now() < end;)
        serve(&load, 10);
    measure(&load, busy, samples);
    report(&load, busy);
    for (size_t i = 0; i < busy; i++)
        free(load.busy[i].us);
    free(load.busy);
    free(load.silent.us);
    free(load.clients);
    return EXIT_SUCCESS;
}
