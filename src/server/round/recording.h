/*
 * recording.h: the journal as the round sees it: opening it, opening it again, looking after it,
 * and whether recording works.
 */
#ifndef TCPACK_SERVER_ROUND_RECORDING_H
#define TCPACK_SERVER_ROUND_RECORDING_H

#include "common/compiler.h"
#include "server/connection/episode.h"
#include "server/journal/journal.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* Times are microseconds, monotonic. */
struct recording {
    struct journal *journal;
    int64_t failed_at;      /* when the last commit failed; 0: it did not fail */
    struct episode trouble; /* log lines about commits that fail */
    int64_t look_due;       /* when to look next whether the journal is lost */
};

/* Opens the journal as `settings` say, also one that is open. No batch. False: logged. */
bool recording_open(struct recording *recording, const struct settings *settings) MUST_USE;

/*
 * The same while the server runs. If it fails, recording goes on as it was; or, if the journal has
 * lost its path, nothing is recorded until it can be opened.
 */
bool recording_reopen(struct recording *recording, const struct settings *settings,
                      int64_t now) MUST_USE;

/*
 * Opens a journal again that has lost its path, and makes it again if it was deleted. It looks no
 * more often than once a second, and while nothing happens, not at all.
 */
void recording_look_after(struct recording *recording, const struct settings *settings,
                          int64_t now);

/* The last commit worked, or failed, which is logged once for an episode. */
void recording_worked(struct recording *recording, int64_t now);
void recording_failed(struct recording *recording, int64_t now);

/* When to call recording_tick(), which logs the end of an episode; DEADLINE_NEVER. */
int64_t recording_due(const struct recording *recording);
void recording_tick(struct recording *recording, int64_t now);

/*
 * Whether a health check is to be answered. Not for some time after a commit that failed, so that a
 * balancer takes its clients elsewhere; then it may try whether recording works again.
 */
bool recording_is_healthy(const struct recording *recording, int64_t now);

#endif
