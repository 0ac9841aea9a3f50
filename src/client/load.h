/*
 * load.h: tcpack --load: many connections in one process that send generated messages, to measure
 * a server.
 */
#ifndef TCPACK_CLIENT_LOAD_H
#define TCPACK_CLIENT_LOAD_H

#include "client/connect.h"
#include "client/outcome.h"
#include "client/totals.h"
#include "common/compiler.h"
#include "common/framing/framing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_settings {
    struct connect_target target;
    enum framing framing;
    size_t window;    /* messages under way on each connection */
    uint64_t count;   /* messages in all */
    uint64_t clients; /* connections, at least 1 */
    size_t size;      /* bytes of a message */
    uint64_t rate;    /* messages a second in all, at even distances; 0: no limit */
    bool progress;    /* show it */
};

/*
 * Runs it, counts in *totals, and prints the summary on standard output. OUTCOME_DONE when all was
 * acknowledged; else what went wrong, which was logged but for OUTCOME_INTERRUPTED.
 *
 * With a rate, each latency counts from the time at which the message was to be sent, also where
 * the server's slowness kept it from being sent then: what is left out otherwise is what a user of
 * a slow server feels most (coordinated omission).
 */
enum outcome load_run(const struct load_settings *settings, struct totals *totals) MUST_USE;

#endif
