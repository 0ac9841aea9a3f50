/*
 * listener_plan.h: which listening sockets a configuration wants: those that are open already,
 * those that the service manager passed, and new ones, which it opens.
 */
#ifndef TCPACK_SERVER_LISTENER_PLAN_H
#define TCPACK_SERVER_LISTENER_PLAN_H

#include "common/compiler.h"
#include "server/listener/listener.h"
#include "server/settings.h"

#include <stdbool.h>

enum { LISTENER_PROBLEM_MAX = 512 };

/*
 * Whether names are looked up, which can take a minute when the name server is away. When running,
 * with connections to serve, a name has the addresses that it had at the start.
 */
enum listener_lookup { LISTENER_AT_START, LISTENER_RUNNING };

/*
 * Fills *listeners with the sockets that `settings` want: those of `current` that are wanted still,
 * with the settings that they have now, and new ones. A section for which sockets were passed has
 * these, and none for its own address. False, with `problem` (of LISTENER_PROBLEM_MAX bytes)
 * saying what could not be listened on and why; *listeners is empty then. Whatever happens, what
 * `current` has is open still.
 */
bool listeners_open(struct listeners *listeners, const struct settings *settings,
                    const struct listeners *current, enum listener_lookup lookup,
                    char *problem) MUST_USE;

#endif
