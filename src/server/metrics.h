/*
 * metrics.h: the server's figures: what they are, as Prometheus text for node_exporter's textfile
 * collector, and as one line for people. The parts of the server count by changing the fields.
 */
#ifndef TCPACK_SERVER_METRICS_H
#define TCPACK_SERVER_METRICS_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a connection was closed before anything was read from it. */
enum metrics_refusal {
    METRICS_REFUSED_ACCESS,        /* allow, deny */
    METRICS_REFUSED_ADDRESS_LIMIT, /* max_clients_per_address */
    METRICS_REFUSED_PROXY,         /* no valid PROXY header where one must be */
    METRICS_REFUSED_MEMORY,
    METRICS_REFUSALS
};

/* Why a connection ended. */
enum metrics_end {
    METRICS_ENDED_BY_PEER, /* it finished sending, and everything was answered */
    METRICS_ENDED_BY_RESET,
    METRICS_ENDED_TOO_LONG, /* longer than max_message */
    METRICS_ENDED_MALFORMED,
    METRICS_ENDED_HTTP,    /* it sent an HTTP request */
    METRICS_ENDED_IDLE,    /* idle_timeout */
    METRICS_ENDED_STALLED, /* stall_timeout */
    METRICS_ENDED_JOURNAL, /* its messages could not be recorded */
    METRICS_ENDED_MEMORY,
    METRICS_ENDED_STOP, /* the server stops */
    METRICS_ENDS
};

enum { METRICS_SYNC_BUCKETS = 14 };

/* Counters count from the server's start; a zeroed struct is where they begin. */
struct metrics {
    uint64_t messages;      /* recorded */
    uint64_t message_bytes; /* of recorded messages */
    uint64_t received_bytes;
    uint64_t replied_bytes;

    uint64_t commits;
    uint64_t journal_bytes;
    uint64_t journal_errors; /* commits that failed; their connections were closed unanswered */
    uint64_t sequence;       /* of the last record */
    uint64_t syncs[METRICS_SYNC_BUCKETS + 1]; /* by duration; the last is slower than any bound */
    int64_t sync_us;                          /* spent in all of them, microseconds */

    uint64_t accepted; /* each of them is open, was refused, or has ended */
    uint64_t open;     /* connections now */
    uint64_t refused[METRICS_REFUSALS];
    uint64_t ended[METRICS_ENDS];
    uint64_t accept_pauses; /* episodes without a free place */
    uint64_t health_checks; /* messages equal to health_check, which are not recorded */

    uint64_t reloads;        /* that took effect */
    uint64_t reload_errors;  /* the configuration was invalid, nothing changed */
    uint64_t log_dropped;    /* lines of the log that nobody took */
    int64_t started_wall_us; /* wall clock */
};

/* Counts one fdatasync() that took `us` microseconds. */
void metrics_count_sync(struct metrics *metrics, int64_t us);

/* Appends all of them as Prometheus text, version 0.0.4. False, errno ENOMEM. Pure. */
bool metrics_format(const struct metrics *metrics, struct buffer *out) MUST_USE;

/* Appends them as one line for people, without newline. False, errno ENOMEM. Pure. */
bool metrics_summarize(const struct metrics *metrics, struct buffer *out) MUST_USE;

/*
 * Makes `text` the content of the file `path`, readable by all whatever the umask, in one step: a
 * reader finds the old file or the new one. False, and *problem says why (static text, or errno's),
 * with what was there where it was: also where that is a device, a link or anything else but a
 * regular file. It is not synced: after a crash there will be newer figures soon.
 */
bool metrics_write_file(const char *path, const struct buffer *text, const char **problem) MUST_USE;

/* Removes the file that the figures were in; nothing else. False, and *problem as above. */
bool metrics_remove_file(const char *path, const char **problem) MUST_USE;

#endif
