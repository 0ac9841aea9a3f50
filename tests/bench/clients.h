/*
 * clients.h: what the programs of `make bench` share: connections to a server on loopback that is
 * spoken to in lines, a listener for bare servers, and a clock. A failure ends the program with a
 * line that says what was tried: a load that is not what it claims to be must not give a figure.
 */
#ifndef TCPACK_BENCH_CLIENTS_H
#define TCPACK_BENCH_CLIENTS_H

#include "common/compiler.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Says "PROGRAM: what: why" (why from errno) and exits 1. */
NORETURN void clients_fail(const char *what);

/* The number in `text`, which is what `what` names; fails unless it is from 0 to `most`. */
size_t clients_number(const char *what, const char *text, size_t most);

/* Raises the soft descriptor limit so that `count` connections fit; fails where they do not. */
void clients_make_room(size_t count);

/*
 * Opens `count` blocking connections to 127.0.0.1 and `port`, one after the other, into `fds`: the
 * first 4,000 from the address `source`, the next ones from the address after it, and so on; all of
 * them from 127.0.0.1 if it is INADDR_ANY, which has ports for some 28,000. They are reset, not
 * closed, when they go: no TIME_WAIT uses up the ports of the next round.
 */
void clients_open(in_port_t port, in_addr_t source, int *fds, size_t count);

/* Sends one short line. */
void clients_send(int fd);

/* Waits for one reply, or takes what has come of it; fails if the server closed or reset. */
void clients_receive(int fd);

/* A non-blocking listener at 127.0.0.1 and `port`. */
int clients_listen(in_port_t port);

/* How many of the bytes are newlines. */
size_t clients_count_newlines(const char *bytes, size_t size);

/* Monotonic, nanoseconds. */
uint64_t clients_now(void);

#endif
