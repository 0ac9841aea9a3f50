/*
 * activation.h: listening sockets that a service manager opened before it started this process, see
 * sd_listen_fds_with_names(3): descriptors from 3 on. $LISTEN_FDS is their number, $LISTEN_PID the
 * process that they are for, and $LISTEN_FDNAMES their names.
 */
#ifndef TCPACK_SERVER_LISTENER_ACTIVATION_H
#define TCPACK_SERVER_LISTENER_ACTIVATION_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct activation_socket {
    int fd;
    char *name; /* owned; "": the service manager gave no name */
};

struct activation {
    struct activation_socket *sockets; /* NULL while count is 0 */
    size_t count;
};

/*
 * Takes the sockets passed to this process and makes them close-on-exec and non-blocking. Each must
 * be a listening stream socket. Call it before other descriptors are opened. True, even if there
 * are no sockets; the caller then owns the descriptors, and calls activation_free() for the rest.
 * False with the reason in `problem` and *activation empty. Removes the variables from the
 * environment.
 */
bool activation_take(struct activation *activation, struct problem *problem) MUST_USE;

/* Frees the list and the names; the descriptors stay open. */
void activation_free(struct activation *activation);

#endif
