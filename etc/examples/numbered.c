/*
 * numbered HOST PORT NAME FILE: sends each line of FILE to a tcpackd with `framing = line`, as
 * numbered message `NAME LINE-NUMBER LINE`, again and again until it is acknowledged.
 *
 * cc -std=c11 -o numbered numbered.c
 */
#define _POSIX_C_SOURCE 200809L

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    WINDOW = 64,     /* messages under way at once; each connection begins with one */
    TIMEOUT = 5,     /* seconds for the connection, and for the next acknowledgement */
    PAUSE_MIN = 100, /* milliseconds between two attempts */
    PAUSE_MAX = 10000,
};

static char **lines;
static size_t count;
static size_t acknowledged;

static void read_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while (getline(&line, &size, file) > 0) {
        lines = realloc(lines, (count + 1) * sizeof *lines);
        if (lines == NULL)
            abort();
        line[strcspn(line, "\n")] = '\0';
        lines[count++] = line;
        line = NULL;
        size = 0;
    }
    fclose(file);
}

/* A connected socket whose calls give up after TIMEOUT; -1: none. */
static int connect_to(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval timeout = {.tv_sec = TIMEOUT};
    struct addrinfo *list;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* Sends what is not acknowledged, and counts the replies: one each, in order. */
static void transfer(int fd, const char *name)
{
    FILE *out = fdopen(dup(fd), "w");
    size_t begin = acknowledged;
    size_t sent = acknowledged;
    char replies[65536];

    while (out != NULL && acknowledged < count) {
        size_t allowed = 1 + acknowledged - begin;
        size_t end = acknowledged + (allowed < WINDOW ? allowed : WINDOW);
        for (; sent < count && sent < end; sent++)
            fprintf(out, "%s %zu %s\n", name, sent + 1, lines[sent]);
        if (fflush(out) != 0)
            break;
        ssize_t got = recv(fd, replies, sizeof replies, 0);
        if (got <= 0)
            break;
        for (ssize_t at = 0; at < got; at++)
            acknowledged += replies[at] == '\n';
    }
    if (out != NULL)
        fclose(out);
}

int main(int argc, char **argv)
{
    long pause = PAUSE_MIN;

    if (argc != 5) {
        fprintf(stderr, "usage: %s HOST PORT NAME FILE\n", argv[0]);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN); /* a connection that is lost is an error of fflush() */
    read_lines(argv[4]);
    for (;;) {
        size_t before = acknowledged;
        int fd = connect_to(argv[1], argv[2]);
        if (fd >= 0) {
            transfer(fd, argv[3]);
            close(fd);
        }
        if (acknowledged == count)
            return 0;
        if (acknowledged > before)
            pause = PAUSE_MIN;
        fprintf(stderr, "%s: no connection; %zu acknowledged\n", argv[1], acknowledged);
        long wait = pause / 2 + rand() % (pause / 2);
        nanosleep(&(struct timespec){wait / 1000, wait % 1000 * 1000000}, NULL);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
    }
}
