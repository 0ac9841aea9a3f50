#include "server/round/commit.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/round/explain.h"
#include "server/round/read.h"
#include "server/round/state.h"

#include <inttypes.h>
#include <sysexits.h>

static void refused(struct server *server)
{
    recording_failed(&server->recording, server->now);
    server->metrics.journal_errors++;
    answers_take_back(&server->committing);
    explain_unrecorded(&server->committing);
}

/* Some of the messages may be recorded: their clients send them again, and their SEQs are gone. */
static void unknown(struct server *server, const struct journal_batch *batch)
{
    server->metrics.burned += batch->messages;
    refused(server);
}

static void broken(struct server *server)
{
    log_error("%s: stopping, the last messages are not acknowledged",
              journal_problem(server->recording.journal));
    server->committing.count = 0;
    server->status = EX_IOERR;
    server->stopping = true;
}

static void stopped(struct server *server)
{
    log_warning("%s: the last messages are not acknowledged",
                journal_problem(server->recording.journal));
    server->stopping = true;
    answers_take_back(&server->committing);
}

/* `us`: what the commit took, with fdatasync(). */
static void log_commit(const struct journal_batch *batch, uint64_t last, int64_t us)
{
    log_trace("commit: %" PRIu64 " records up to %" PRIu64 ", %zu bytes, %" PRId64 " us",
              batch->messages, last, batch->size, us);
}

/* Counts the messages of each listener. */
static void count_listeners(struct server *server)
{
    const struct answers *answers = &server->committing;

    for (size_t at = 0; at < answers->count; at++) {
        const char *name = answers->all[at].connection->settings->config->name;
        struct metrics_listener *listener =
            answers->all[at].messages == 0 ? NULL : metrics_listener(&server->metrics, name);
        if (listener != NULL) /* else: nothing to count, or out of memory */
            listener->messages += answers->all[at].messages;
    }
}

/* `us`: what the commit took, with fdatasync(). */
static void committed(struct server *server, const struct journal_batch *batch, int64_t us)
{
    int64_t sync_us = journal_sync_us(server->recording.journal);

    server->metrics.commits++;
    server->metrics.journal_bytes += batch->size;
    server->metrics.messages += batch->messages;
    server->metrics.message_bytes += batch->message_bytes;
    if (sync_us >= 0)
        metrics_count_time(&server->metrics.syncs, sync_us);
    us = sync_us > us ? sync_us : us; /* PostgreSQL took more than one round */
    metrics_count_time(&server->metrics.commits_taken, us);
    server->commit_us = us;
    count_listeners(server);
    if (log_writes(LOG_LEVEL_TRACE))
        log_commit(batch, journal_seq(server->recording.journal), us);
    recording_worked(&server->recording, server->now);
}

/* Moves all answers from `from` to `to`, which has none. */
static void move_answers(struct answers *to, struct answers *from)
{
    struct answers none = *to; /* with its memory */

    *to = *from;
    *from = none;
}

/* Whether the batch waits for more messages: not if the server must do something else after it. */
static bool gathers(const struct server *server)
{
    return !round_must_finish(server) &&
           gathering_goes_on(&server->gathering, server->now, server->answers.count);
}

/* Whether a commit begins now, for what was read. */
static bool begins(struct server *server)
{
    bool can_commit = journal_can_commit(server->recording.journal);

    if (server->recording.committing || journal_batch(server->recording.journal).messages == 0)
        return false;
    if (can_commit ? gathers(server) : server->committed.count > 0)
        return false; /* if it will be refused at once, others are answered first */
    gathering_end(&server->gathering, clock_monotonic_us(), server->answers.count);
    move_answers(&server->committing, &server->answers);
    return true;
}

static void end_commit(struct server *server, enum journal_result result, int64_t us)
{
    const struct journal_batch batch = journal_committed(server->recording.journal);

    switch (result) {
    case JOURNAL_PENDING:
        return;
    case JOURNAL_COMMITTED:
        committed(server, &batch, us);
        break;
    case JOURNAL_REFUSED:
        refused(server);
        break;
    case JOURNAL_UNKNOWN:
        unknown(server, &batch);
        break;
    case JOURNAL_BROKEN:
        broken(server);
        break;
    case JOURNAL_STOPPED:
        stopped(server);
        break;
    }
    move_answers(&server->committed, &server->committing);
}

/* Begins a commit, or goes on with it. */
static void commit(struct server *server)
{
    bool took_rounds = server->recording.committing; /* a file's is done in one */
    int64_t begin = clock_monotonic_us();
    enum journal_result result = recording_commit(&server->recording, server->readiness);

    end_commit(server, result, clock_monotonic_us() - begin);
    if (took_rounds && result == JOURNAL_COMMITTED)
        gathering_begin(&server->gathering, clock_monotonic_us(),
                        journal_sync_us(server->recording.journal), server->committed.count,
                        server->answers.count);
}

void round_commit(struct server *server)
{
    gathering_note(&server->gathering, clock_monotonic_us(), server->answers.count);
    if (server->recording.committing)
        commit(server);
    if (begins(server))
        commit(server);
}
