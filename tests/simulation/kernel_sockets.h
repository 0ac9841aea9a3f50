/*
 * kernel_sockets.h: the calls on sockets, as the simulated kernel serves them from network.h.
 */
#ifndef TCPACK_SIMULATION_KERNEL_SOCKETS_H
#define TCPACK_SIMULATION_KERNEL_SOCKETS_H

#include "descriptors.h"

/* What closing a descriptor of a socket does to the socket. */
void sockets_close(const struct descriptor *socket);

/* Histories in which signals from outside meet recv() at the urgent mark: it says EAGAIN there. */
void sockets_set_storm(bool storm);

#endif
