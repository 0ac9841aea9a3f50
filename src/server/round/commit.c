#include "server/round/commit.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/round/explain.h"
#include "server/round/state.h"

#include <inttypes.h>
#include <sysexits.h>

static void refused(struct server *server)
{
    recording_failed(&server->recording, server->now);
    server->metrics.journal_errors++;
    answers_take_back(&server->answers);
    explain_unrecorded(&server->answers);
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
    server->answers.count = 0;
    server->status = EX_IOERR;
    server->stopping = true;
}

static void stopped(struct server *server)
{
    log_warning("%s: the last messages are not acknowledged",
                journal_problem(server->recording.journal));
    server->stopping = true;
    answers_take_back(&server->answers);
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
    const struct answers *answers = &server->answers;

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
    count_listeners(server);
    if (log_writes(LOG_LEVEL_TRACE))
        log_commit(batch, journal_seq(server->recording.journal), us);
    recording_worked(&server->recording, server->now);
}

void round_commit(struct server *server)
{
    const struct journal_batch batch = journal_batch(server->recording.journal);

    if (batch.messages == 0)
        return;
    int64_t begin = clock_monotonic_us();
    enum journal_result result = recording_commit(&server->recording, server->readiness);
    int64_t us = clock_monotonic_us() - begin;
    switch (result) {
    case JOURNAL_PENDING:
        break;
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
}
