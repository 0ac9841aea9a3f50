/*
 * activation.h: listening sockets that a service manager opened for us before it started us, as
 * sd_listen_fds_with_names(3) describes: descriptors from 3 on, counted by $LISTEN_FDS, for the
 * process $LISTEN_PID, named by $LISTEN_FDNAMES.
 */
#ifndef TCPACK_SERVER_LISTENER_ACTIVATION_H
#define TCPACK_SERVER_LISTENER_ACTIVATION_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct activation_socket {
    int fd;
    char *name; /* "" where the service manager gave none */
};

struct activation {
    struct activation_socket *sockets; /* NULL while count is 0 */
    size_t count;
};

/* Bytes that hold any problem of activation_take(). Longer ones are cut. */
enum { ACTIVATION_PROBLEM_SIZE = 512 };

/*
 * Takes the sockets passed to this process, none of which must be open otherwise: listening stream
 * sockets, now close-on-exec and non-blocking. True, also where there are none; the descriptors
 * belong to the caller, the rest goes to activation_free(). False, with *activation empty, and
 * `problem` says why. Removes the variables from the environment.
 */
bool activation_take(struct activation *activation, char problem[ACTIVATION_PROBLEM_SIZE]) MUST_USE;

/* Frees the list and the names; the descriptors stay open. */
void activation_free(struct activation *activation);

#endif
