/*
 * plan.h: which listening sockets a configuration asks for: sockets that are open already, sockets
 * that the service manager passed, and new ones, which this part opens.
 */
#ifndef TCPACK_SERVER_LISTENER_PLAN_H
#define TCPACK_SERVER_LISTENER_PLAN_H

#include "common/compiler.h"
#include "common/problem.h"
#include "server/listener/listener.h"
#include "server/settings.h"

#include <stdbool.h>

/*
 * Whether host names are looked up, which can take a minute if the name server is down. A running
 * server, which has connections to serve, does not look up names: they keep the addresses that they
 * had at the start.
 */
enum listener_lookup { LISTENER_AT_START, LISTENER_RUNNING };

/*
 * Fills *listeners with the sockets that `settings` ask for: those of `current` that are still
 * needed, with their new settings, and new ones. A section with passed sockets uses these and opens
 * no socket for its own address. False with the address and the reason in `problem`; *listeners is
 * then empty. The sockets of `current` stay open in either case.
 */
bool listeners_open(struct listeners *listeners, const struct settings *settings,
                    const struct listeners *current, enum listener_lookup lookup,
                    struct problem *problem) MUST_USE;

#endif
