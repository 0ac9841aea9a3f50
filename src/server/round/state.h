/*
 * state.h: the state of the server, in named parts. A function that needs one part takes that part;
 * one that needs several takes the server.
 */
#ifndef TCPACK_SERVER_ROUND_STATE_H
#define TCPACK_SERVER_ROUND_STATE_H

#include "server/connection/peer_counts.h"
#include "server/listener/listener.h"
#include "server/metrics.h"
#include "server/readiness/readiness.h"
#include "server/round/accept.h"
#include "server/round/answers.h"
#include "server/round/connections.h"
#include "server/round/gathering.h"
#include "server/round/housekeeping.h"
#include "server/round/peer_log.h"
#include "server/round/recording.h"
#include "server/round/scrape.h"
#include "server/round/trace.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What each ready connection may be read in this round. Times are microseconds, monotonic. */
struct read_share {
    size_t bytes;
    int64_t us;  /* after the first bytes; what one does not take, the next ones have */
    int64_t due; /* when the time of the connection is over that is read now */
};

struct server {
    const struct config_source *source; /* what a reload reads; not owned */
    struct settings *settings;
    struct settings *started; /* those of the start, which a reload cannot change in part */
    struct readiness *readiness;
    struct listeners listeners;
    int signals;       /* descriptor that signals make readable */
    unsigned requests; /* enum signal_request: what signals asked for and was not done yet */
    int64_t now;       /* of this round: microseconds, monotonic */

    struct connections connections;
    struct peer_counts peers; /* admitted connections by address */
    struct accepting accepting;
    unsigned char *scratch; /* for one recv() */
    size_t scratch_size;    /* bytes: settings_scratch_size() */
    struct read_share read_share;
    struct recording recording;
    int64_t commit_us; /* what the last commit took */
    struct gathering gathering;
    struct answers answers;    /* to what was read, until its commit begins */
    struct answers committing; /* to what the commit has that is under way */
    struct answers committed;  /* to what the last one had, until they are sent */
    struct housekeeping housekeeping;
    struct peer_log peer_log;
    struct metrics metrics;
    struct scrape scrape;
    struct trace trace;

    bool stopping;
    int64_t parting_due; /* when the last connections are closed, once stopping; DEADLINE_NEVER */
    int status;          /* exit status */
};

#endif
