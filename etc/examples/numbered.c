/*
 * numbered HOST PORT NAME FILE: sends each line of FILE to a tcpackd with `framing = octet`, as
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
    REPLY_MAX = 65536, /* bytes */
};

static struct line {
    char *bytes;
    size_t size; /* without its newline */
} * lines;

static size_t count;
static size_t acknowledged;

static void read_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while ((size = getline(&line, &room, file)) > 0) {
        lines = realloc(lines, (count + 1) * sizeof *lines);
        if (lines == NULL)
            abort();
        size -= line[size - 1] == '\n';
        lines[count++] = (struct line){line, (size_t)size};
        line = NULL;
        room = 0;
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

/* Sends `NAME NUMBER LINE`, with its length before it. */
static void send_line(FILE *out, const char *name, size_t number)
{
    const struct line *line = &lines[number - 1];
    size_t size = (size_t)snprintf(NULL, 0, "%s %zu ", name, number) + line->size;

    fprintf(out, "%zu %s %zu ", size, name, number);
    fwrite(line->bytes, 1, line->size, out);
}

/* Reads the next reply: its length, a blank, and then so many bytes. 0: none acknowledges. */
static int read_reply(FILE *in)
{
    static const char refused[] = "refused: ";
    char reply[REPLY_MAX + 1] = "";
    size_t size;

    return fscanf(in, "%9zu%*c", &size) == 1 && size <= REPLY_MAX &&
           fread(reply, 1, size, in) == size && strncmp(reply, refused, strlen(refused)) != 0;
}

/* Sends what is not acknowledged, and counts the replies: one each, in order. */
static void transfer(FILE *in, FILE *out, const char *name)
{
    size_t begin = acknowledged;
    size_t sent = acknowledged;

    while (acknowledged < count) {
        size_t allowed = 1 + acknowledged - begin;
        size_t end = acknowledged + (allowed < WINDOW ? allowed : WINDOW);
        while (sent < count && sent < end)
            send_line(out, name, ++sent);
        if (fflush(out) != 0 || !read_reply(in))
            break;
        acknowledged++;
    }
}

/* One connection, until all is acknowledged or it fails. */
static void attempt(const char *host, const char *port, const char *name)
{
    int fd = connect_to(host, port);
    FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
    FILE *out = in == NULL ? NULL : fdopen(dup(fd), "w");

    if (out != NULL) {
        transfer(in, out, name);
        fclose(out);
    }
    if (in != NULL)
        fclose(in);
}

/* Devices that lost the same server must not all come back at once. */
static void seed_random(const char *name)
{
    unsigned seed = (unsigned)time(NULL);

    while (*name != '\0')
        seed = seed * 31 + (unsigned char)*name++;
    srand(seed);
}

int main(int argc, char **argv)
{
    long pause = PAUSE_MIN;

    if (argc != 5) {
        fprintf(stderr, "usage: %s HOST PORT NAME FILE\n", argv[0]);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN); /* a connection that is lost is an error of fflush() */
    seed_random(argv[3]);
    read_lines(argv[4]);
    while (acknowledged < count) {
        size_t before = acknowledged;
        attempt(argv[1], argv[2], argv[3]);
        if (acknowledged == count)
            break;
        if (acknowledged > before)
            pause = PAUSE_MIN;
        fprintf(stderr, "%s: no connection; %zu acknowledged\n", argv[1], acknowledged);
        long wait = pause / 2 + rand() % (pause / 2);
        nanosleep(&(struct timespec){wait / 1000, wait % 1000 * 1000000}, NULL);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
    }
    return 0;
}
