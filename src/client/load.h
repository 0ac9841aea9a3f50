/*
 * load.h: tcpack --load. Sends generated messages over many connections in one process, to measure
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
    size_t window; /* messages in flight on each connection */
    size_t window_bytes;
    uint64_t count;   /* messages in total */
    uint64_t clients; /* connections, at least 1 */
    size_t size;      /* bytes per message */
    uint64_t rate;    /* messages per second in total, evenly spaced; 0: no limit */
    bool progress;    /* show a progress line */
};

/*
 * Runs the load, counts in *totals and prints the summary on standard output. Returns OUTCOME_DONE
 * if all messages were acknowledged, else what went wrong, which has been logged except for
 * OUTCOME_INTERRUPTED.
 *
 * With a rate, each latency counts from the time at which the message was due to be sent, even if a
 * slow server delayed the sending. Otherwise the longest delays would be missing from the
 * measurement (coordinated omission).
 */
enum outcome load_run(const struct load_settings *settings, struct totals *totals) MUST_USE;

#endif
