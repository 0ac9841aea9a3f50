/*
 * recording.h: the journal as the round sees it: opening and reopening it, checking its path, and
 * whether recording works.
 */
#ifndef TCPACK_SERVER_ROUND_RECORDING_H
#define TCPACK_SERVER_ROUND_RECORDING_H

#include "common/compiler.h"
#include "server/connection/episode.h"
#include "server/journal/journal.h"
#include "server/readiness/readiness.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* Times are microseconds, monotonic. */
struct recording {
    struct journal *journal;
    int64_t failed_at;      /* when the last commit failed; 0: it succeeded */
    struct episode trouble; /* log lines about commits that fail */
    int64_t look_due;       /* when to check next whether the journal has lost its path */
    bool committing;        /* a commit is pending */
    int watched;            /* descriptor that readiness watches for the journal; -1: none */
    struct problem away;    /* why the database cannot be reached, as logged last */
    bool reason_logged;     /* why a lost journal cannot be opened again */
};

/* Whether the journal of a configuration can be used, as far as that changes nothing: for -t. */
bool recording_check(const struct config *config, struct problem *problem) MUST_USE;

/* Opens the journal of `settings`, or reopens it. The batch must be empty. False: logged. */
bool recording_open(struct recording *recording, const struct settings *settings,
                    struct readiness *readiness) MUST_USE;

/*
 * The same while the server runs. If it fails, recording continues as before; or, if the journal
 * has lost its path, nothing is recorded until it can be opened.
 */
bool recording_reopen(struct recording *recording, const struct settings *settings,
                      int64_t now) MUST_USE;

/* The journal's name for people: its file, or what it is; without a password. */
const char *recording_name(const struct settings *settings);

/* Logs which journal it is, and the number of its last record. */
void recording_log(const struct recording *recording, const struct settings *settings);

/*
 * Reopens a journal that has lost its path, and creates it again if it was deleted. Checks at most
 * once a second, and not at all while nothing happens.
 */
void recording_look_after(struct recording *recording, const struct settings *settings,
                          int64_t now);

/* journal_commit(), noting whether it is pending. */
enum journal_result recording_commit(struct recording *recording,
                                     struct readiness *readiness) MUST_USE;

/* When to call recording_tend(), or to continue a commit, without the descriptor being ready. */
int64_t recording_wait_due(const struct recording *recording);

/*
 * journal_tend(), with its log lines. True: the database was lost and is connected again. The batch
 * must be empty.
 */
bool recording_tend(struct recording *recording, struct readiness *readiness, int64_t now) MUST_USE;
/* Lets a reload by HUP log once more why a lost journal cannot be opened. */
void recording_log_again(struct recording *recording);

/* Notes that the last commit worked, or failed, which is logged once for an episode. */
void recording_worked(struct recording *recording, int64_t now);
void recording_failed(struct recording *recording, int64_t now);

/* When to call recording_tick(), which logs the end of an episode; or DEADLINE_NEVER. */
int64_t recording_due(const struct recording *recording);
void recording_tick(struct recording *recording, int64_t now);

/*
 * Whether health checks are answered. They are not for some time after a failed commit, so that a
 * balancer sends its clients elsewhere; after that it may find out whether recording works again.
 */
bool recording_is_healthy(const struct recording *recording, int64_t now);

#endif
