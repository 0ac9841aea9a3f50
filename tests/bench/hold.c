/*
 * hold.c: connections that are there and do nothing, for `make bench`: opens COUNT connections as
 * fast as one client can, waits until the last of them is answered (then the server has accepted
 * them all), prints "opened SECONDS", and holds them. On its standard input, "speak" makes each of
 * them send one line and wait for the answer, and prints "spoken"; the end of input ends it. Fails,
 * saying so, if a connection was refused, reset, closed or left unanswered.
 */
#include "clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void speak(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        clients_send(fds[i]);
        clients_receive(fds[i]);
    }
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
    char command[16];

    if (argc != 3) {
        (void)fputs("usage: hold PORT COUNT\n", stderr);
        return EXIT_FAILURE;
    }
    in_port_t port = (in_port_t)clients_number("port", argv[1], 65535);
    size_t count = clients_number("count", argv[2], 1000000);
    int *fds = calloc(count + 1, sizeof *fds);
    if (fds == NULL)
        clients_fail("memory");
    clients_make_room(count);

    uint64_t start = clients_now();
    clients_open(port, fds, count);
    if (count > 0)
        speak(fds + count - 1, 1);
    printf("opened %.6f\n", (double)(clients_now() - start) / 1e9);
    (void)fflush(stdout);
    while (fgets(command, sizeof command, stdin) != NULL) {
        if (strcmp(command, "speak\n") != 0) {
            errno = EINVAL;
            clients_fail("command");
        }
        speak(fds, count);
        puts("spoken");
        (void)fflush(stdout);
    }
    check_open(fds, count);
    free(fds);
    return EXIT_SUCCESS;
}
