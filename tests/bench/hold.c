/*
 * hold.c: connections that are there and do nothing, for `make bench`: opens COUNT connections as
 * fast as one client can, waits until the last of them is answered (then the server has accepted
 * them all), prints "opened SECONDS", and holds them. They come from the address SOURCE and those
 * after it (clients.h), or all from 127.0.0.1. Commands on its standard input:
 *
 *     speak    each connection sends one line and waits for the answer; prints "spoken"
 *     wake N   N of them, evenly spread, send a line at once; prints "sent", and "woken" when all
 *              of them are answered
 *     select   prints "selected" and the CPU time of one select() over all of them, in nanoseconds
 *              for each
 *
 * The end of input ends it. Fails, saying so, if a connection was refused, reset, closed or left
 * unanswered.
 */
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

static void speak(const int *fds, size_t count)
{
    enum { AT_ONCE = 100 };

    for (size_t begin = 0; begin < count; begin += AT_ONCE) {
        size_t end = count - begin < AT_ONCE ? count : begin + AT_ONCE;
        for (size_t i = begin; i < end; i++)
            clients_send(fds[i]);
        for (size_t i = begin; i < end; i++)
            clients_receive(fds[i]);
    }
}

static void wake(const int *fds, size_t count, size_t most)
{
    for (size_t i = 0; i < most; i++)
        clients_send(fds[i * count / most]);
    puts("sent");
    (void)fflush(stdout);
    for (size_t i = 0; i < most; i++)
        clients_receive(fds[i * count / most]);
    puts("woken");
}

static uint64_t cpu_time(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0)
        clients_fail("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* An array of words as in common/descriptors.h: FD_SET() ends at FD_SETSIZE. */
static double select_all(const int *fds, size_t count)
{
    enum { BITS = 8 * sizeof(unsigned long) };
    struct timeval no_wait = {0};
    size_t beyond = 0;

    for (size_t i = 0; i < count; i++)
        beyond = (size_t)fds[i] < beyond ? beyond : (size_t)fds[i] + 1;
    unsigned long *words = calloc(beyond / BITS + 1, sizeof *words);
    if (words == NULL)
        clients_fail("memory");
    for (size_t i = 0; i < count; i++)
        words[(size_t)fds[i] / BITS] |= 1UL << ((size_t)fds[i] % BITS);
    uint64_t start = cpu_time();
    if (select((int)beyond, (fd_set *)words, NULL, NULL, &no_wait) < 0)
        clients_fail("select");
    uint64_t taken = cpu_time() - start;
    free(words);
    return (double)taken / (double)count;
}

static void obey(char *command, const int *fds, size_t count)
{
    command[strcspn(command, "\n")] = '\0';
    if (strcmp(command, "speak") == 0) {
        speak(fds, count);
        puts("spoken");
    } else if (strcmp(command, "select") == 0) {
        printf("selected %.1f\n", select_all(fds, count));
    } else if (strncmp(command, "wake ", 5) == 0) {
        wake(fds, count, clients_number("wake", command + 5, count));
    } else {
        errno = EINVAL;
        clients_fail("command");
    }
    (void)fflush(stdout);
}

static void check_open(const int *fds, size_t count)
{
    char byte;

    for (size_t i = 0; i < count; i++) {
        ssize_t got = recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            continue;
        if (got >= 0)
            errno = got == 0 ? ECONNRESET : EPROTO;
        clients_fail("an idle connection");
    }
}

int main(int argc, char **argv)
{
    char command[32];

    if (argc < 3 || argc > 4) {
        (void)fputs("usage: hold PORT COUNT [SOURCE]\n", stderr);
        return EXIT_FAILURE;
    }
    in_port_t port = (in_port_t)clients_number("port", argv[1], 65535);
    size_t count = clients_number("count", argv[2], 1000000);
    int *fds = calloc(count + 1, sizeof *fds);
    if (fds == NULL)
        clients_fail("memory");
    in_addr_t source = argc == 4 ? ntohl(inet_addr(argv[3])) : INADDR_ANY;
    clients_make_room(count);

    uint64_t start = clients_now();
    clients_open(port, source, fds, count);
    if (count > 0)
        speak(fds + count - 1, 1);
    printf("opened %.6f\n", (double)(clients_now() - start) / 1e9);
    (void)fflush(stdout);
    while (fgets(command, sizeof command, stdin) != NULL)
        obey(command, fds, count);
    check_open(fds, count);
    free(fds);
    return EXIT_SUCCESS;
}
