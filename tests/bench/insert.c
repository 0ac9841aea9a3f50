/*
 * insert.c: what recording in PostgreSQL costs at least, for `make bench`: a bare libpq loop that
 * inserts the same arrays by the same statement as tcpackd. It checks nothing and survives nothing.
 *
 *   insert CONNINFO rows ROWS COUNT   ROWS messages in each transaction, COUNT in all; prints how
 *                                     many were committed in a second
 *   insert CONNINFO serve PORT        messages of clients, as tcpackd gets them: what is there is a
 *                                     transaction, then each is answered
 */
#include "server/journal/arrays.h"
#include "server/journal/pgsession.h"

#include "clients.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_LIBPQ

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPLY "+PONG\r\n"
enum { COLUMNS = 5, EVENTS = 1024, MOST = 100000000 };

struct batch {
    PGconn *libpq;
    struct array columns[COLUMNS]; /* peers, listeners, names, numbers, messages */
    uint64_t first;                /* SEQ */
};

static NORETURN void fail(const struct batch *batch)
{
    (void)fprintf(stderr, "insert: %s", PQerrorMessage(batch->libpq));
    exit(EXIT_FAILURE);
}

static void begin(struct batch *batch, const char *conninfo)
{
    static const enum array_type types[COLUMNS] = {ARRAY_OF_TEXT, ARRAY_OF_TEXT, ARRAY_OF_TEXT,
                                                   ARRAY_OF_BIGINT, ARRAY_OF_BYTEA};

    *batch = (struct batch){.libpq = PQconnectdb(conninfo), .first = 1};
    for (int at = 0; at < COLUMNS; at++)
        batch->columns[at].type = types[at];
    PGresult *result = PQexec(batch->libpq, pgsession_recording);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(batch);
    PQclear(result);
}

static void add(struct batch *batch, const char *peer, const char *message, size_t size)
{
    if (!array_add(&batch->columns[0], peer, strlen(peer)) ||
        !array_add(&batch->columns[1], NULL, 0) || !array_add(&batch->columns[2], NULL, 0) ||
        !array_add(&batch->columns[3], NULL, 0) || !array_add(&batch->columns[4], message, size))
        clients_fail("memory");
}

static void commit(struct batch *batch)
{
    char seq[24];
    char now[40];
    time_t seconds = time(NULL);
    const char *values[2 + COLUMNS] = {seq, now};
    int lengths[2 + COLUMNS] = {0};
    int formats[2 + COLUMNS] = {0};

    (void)snprintf(seq, sizeof seq, "%" PRIu64, batch->first);
    (void)strftime(now, sizeof now, "%FT%TZ", gmtime(&seconds));
    batch->first += batch->columns[0].count;
    for (int at = 0; at < COLUMNS; at++) {
        array_finish(&batch->columns[at]);
        values[2 + at] = (const char *)batch->columns[at].bytes.bytes;
        lengths[2 + at] = (int)batch->columns[at].bytes.size;
        formats[2 + at] = 1;
    }
    PGresult *result =
        PQexecPrepared(batch->libpq, "record", 2 + COLUMNS, values, lengths, formats, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail(batch);
    PQclear(result);
    for (int at = 0; at < COLUMNS; at++)
        array_clear(&batch->columns[at], SIZE_MAX);
}

static void insert_rows(struct batch *batch, size_t rows, size_t count)
{
    uint64_t start = clients_now();
    char peer[32];

    for (size_t done = 0; done < count; done += rows) {
        for (size_t row = 0; row < rows; row++) {
            (void)snprintf(peer, sizeof peer, "127.0.0.1:%zu", 10000 + row);
            add(batch, peer, "PING", 4);
        }
        commit(batch);
    }
    printf("%.0f\n", (double)count * 1e9 / (double)(clients_now() - start));
}

static void accept_all(int epoll, int listener)
{
    int one = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            clients_fail("accept");
    }
}

/* Whether the client has sent its line, which is in the batch then. */
static bool take(struct batch *batch, int fd)
{
    char line[64];
    char peer[32];
    ssize_t got = recv(fd, line, sizeof line, 0);

    if (got <= 0) {
        (void)close(fd);
        return false;
    }
    (void)snprintf(peer, sizeof peer, "127.0.0.1:%d", 10000 + fd);
    add(batch, peer, line, strcspn(line, "\r\n"));
    return true;
}

static NORETURN void serve(struct batch *batch, in_port_t port)
{
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN}};
    int listener = clients_listen(port);
    int epoll = epoll_create1(0);
    int fds[EVENTS];

    events[0].data.fd = listener;
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) != 0)
        clients_fail("epoll");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        int count = 0;
        for (int at = 0; at < ready; at++) {
            if (events[at].data.fd == listener)
                accept_all(epoll, listener);
            else if (take(batch, events[at].data.fd))
                fds[count++] = events[at].data.fd;
        }
        if (count > 0)
            commit(batch);
        for (int at = 0; at < count; at++)
            if (send(fds[at], REPLY, sizeof REPLY - 1, MSG_NOSIGNAL) < 0)
                (void)close(fds[at]);
    }
}

int main(int argc, char **argv)
{
    struct batch batch;

    if (argc == 5 && strcmp(argv[2], "rows") == 0) {
        begin(&batch, argv[1]);
        insert_rows(&batch, clients_number("ROWS", argv[3], MOST),
                    clients_number("COUNT", argv[4], MOST));
        return EXIT_SUCCESS;
    }
    if (argc == 4 && strcmp(argv[2], "serve") == 0) {
        begin(&batch, argv[1]);
        serve(&batch, (in_port_t)clients_number("PORT", argv[3], 65535));
    }
    (void)fprintf(stderr, "usage: insert CONNINFO {rows ROWS COUNT | serve PORT}\n");
    return EXIT_FAILURE;
}

#else

int main(void)
{
    (void)fprintf(stderr, "insert: built without libpq\n");
    return EXIT_FAILURE;
}

#endif
