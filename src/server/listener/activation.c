#include "server/listener/activation.h"

#include "common/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3, COUNT_MAX = 1024 };

/* Sets *count to the number of descriptors passed; 0 if they are for another process. */
static bool read_count(uint64_t *count, struct problem *problem)
{
    const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
    uint64_t pid;

    *count = 0;
    if (pid_text == NULL || count_text == NULL)
        return true;
    if (!number_parse(pid_text, 10, 1, INT32_MAX, &pid))
        return problem_set(problem, "LISTEN_PID is not a process number");
    if ((pid_t)pid != getpid())
        return true;
    return number_parse(count_text, 10, 0, COUNT_MAX, count) ||
           problem_set(problem, "LISTEN_FDS is not a number from 0 to 1024");
}

/* Checks a passed socket and sets its flags. False with the reason in *why. */
static bool prepare_socket(int fd, const char **why)
{
    int type = 0, listening = 0;
    socklen_t size = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        *why = strerror(errno);
        return false;
    }
    size = sizeof listening;
    if (type != SOCK_STREAM || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
        listening == 0) {
        *why = "not a listening stream socket (Accept=no, ListenStream=)";
        return false;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        *why = strerror(errno);
        return false;
    }
    return true;
}

/* Takes the next of the names, which colons separate; "" after the last one. */
static char *next_name(const char **names)
{
    size_t length = strcspn(*names, ":");
    char *name = strndup(*names, length);

    *names += length + ((*names)[length] == ':');
    return name;
}

/* Adds descriptor `fd`, whose name comes next, to the list. The list has room for it. */
static bool take_socket(struct activation *activation, int fd, const char **names,
                        struct problem *problem)
{
    char *name = next_name(names);
    const char *why;

    if (name == NULL)
        return problem_set(problem, "%s", strerror(errno));
    activation->sockets[activation->count++] = (struct activation_socket){fd, name};
    if (prepare_socket(fd, &why))
        return true;
    return problem_set(problem, "descriptor %d%s%s%s: %s", fd, *name == '\0' ? "" : " (", name,
                       *name == '\0' ? "" : ")", why);
}

static bool take_sockets(struct activation *activation, uint64_t count, struct problem *problem)
{
    const char *names = getenv("LISTEN_FDNAMES");

    if (names == NULL)
        names = "";
    activation->sockets = calloc((size_t)count, sizeof *activation->sockets);
    if (activation->sockets == NULL)
        return problem_set(problem, "%s", strerror(errno));
    for (int fd = FIRST_DESCRIPTOR; activation->count < count; fd++)
        if (!take_socket(activation, fd, &names, problem))
            return false;
    return true;
}

bool activation_take(struct activation *activation, struct problem *problem)
{
    uint64_t count;
    bool done;

    *activation = (struct activation){0};
    done = read_count(&count, problem) && (count == 0 || take_sockets(activation, count, problem));
    if (!done)
        activation_free(activation);
    if (unsetenv("LISTEN_PID") != 0 || unsetenv("LISTEN_FDS") != 0 ||
        unsetenv("LISTEN_FDNAMES") != 0) {
        /* It fails only for an invalid name. */
    }
    return done;
}

void activation_free(struct activation *activation)
{
    for (size_t i = 0; i < activation->count; i++)
        free(activation->sockets[i].name);
    free(activation->sockets);
    *activation = (struct activation){0};
}
