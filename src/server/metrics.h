/*
 * metrics.h: the server's figures, as Prometheus text for node_exporter's textfile collector, and
 * as one line for people. The parts of the server count by changing the fields.
 */
#ifndef TCPACK_SERVER_METRICS_H
#define TCPACK_SERVER_METRICS_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a connection was closed before anything was read from it. */
enum metrics_refusal {
    METRICS_REFUSED_ACCESS,        /* allow, deny */
    METRICS_REFUSED_ADDRESS_LIMIT, /* max_clients_per_address */
    METRICS_REFUSED_PROXY,         /* a PROXY header was required and not valid */
    METRICS_REFUSED_MEMORY,
    METRICS_REFUSALS
};

/* Why a connection ended. */
enum metrics_end {
    METRICS_ENDED_BY_PEER, /* it finished sending, and all replies were sent */
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

enum { METRICS_BUCKETS = 14 };

/* How often something took how long. */
struct metrics_histogram {
    uint64_t counts[METRICS_BUCKETS + 1]; /* by duration; the last bucket has no bound */
    int64_t us;                           /* their total duration, microseconds */
};

/* What the clients of one section did: [server] or a [listener NAME]. */
struct metrics_listener {
    char *name; /* owned; "server" for [server] */
    uint64_t accepted;
    uint64_t messages; /* recorded */
};

/* Counters count from the start of the server. Begin with a zeroed struct. */
struct metrics {
    uint64_t messages;      /* recorded */
    uint64_t message_bytes; /* of recorded messages */
    uint64_t received_bytes;
    uint64_t replied_bytes;

    uint64_t commits;
    uint64_t journal_bytes;
    uint64_t journal_errors; /* commits that failed; their connections were closed unanswered */
    uint64_t burned;         /* SEQs of commits whose outcome is unknown */
    uint64_t reconnects;     /* of the journal's database */
    uint64_t sequence;       /* of the last record */
    bool journal_failing;    /* the last commit failed */
    struct metrics_histogram commits_taken; /* write() and fdatasync() */
    struct metrics_histogram syncs;         /* fdatasync() */

    uint64_t accepted; /* each is open, was refused, or has ended */
    uint64_t open;     /* connections now */
    uint64_t refused[METRICS_REFUSALS];
    uint64_t ended[METRICS_ENDS];
    uint64_t accept_pauses; /* times that a limit on connections was reached */
    uint64_t health_checks; /* messages equal to health_check, which are not recorded */

    uint64_t reloads;        /* that took effect */
    uint64_t reload_errors;  /* that changed nothing: the configuration was invalid */
    uint64_t log_dropped;    /* log lines for which standard error had no room */
    int64_t started_wall_us; /* wall clock */

    struct metrics_listener *listeners; /* those that had a client; owned */
    size_t listeners_count;
};

/* Frees what the struct owns. */
void metrics_free(struct metrics *metrics);

/* The names of the reasons, as the label `reason` has them. */
const char *metrics_refusal_name(enum metrics_refusal refusal);
const char *metrics_end_name(enum metrics_end end);

/* Counts something that took `us` microseconds. */
void metrics_count_time(struct metrics_histogram *histogram, int64_t us);

/*
 * The figures of the section with this name ("": [server]), which stay when a reload removes it.
 * Valid until the next call. NULL: out of memory.
 */
struct metrics_listener *metrics_listener(struct metrics *metrics, const char *name);

/* Appends all figures as Prometheus text, version 0.0.4. False with errno ENOMEM. Pure. */
bool metrics_format(const struct metrics *metrics, struct buffer *out) MUST_USE;

/* Appends them as one line for people, without newline. False with errno ENOMEM. Pure. */
bool metrics_summarize(const struct metrics *metrics, struct buffer *out) MUST_USE;

/*
 * Replaces the file `path` by `text` in one step: a reader finds the old file or the new one. All
 * users can read it, whatever the umask. False with the reason in `problem`; the old file then
 * stays. Anything but a regular file (a device, a link) is not replaced. The file is not synced:
 * after a crash there are newer figures soon.
 */
bool metrics_write_file(const char *path, const struct buffer *text,
                        struct problem *problem) MUST_USE;

/* Removes the file of the figures, if it is a regular file. False with the reason as above. */
bool metrics_remove_file(const char *path, struct problem *problem) MUST_USE;

#endif
