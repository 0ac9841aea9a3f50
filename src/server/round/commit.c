#include "server/round/commit.h"

#include "common/log.h"
#include "server/round/state.h"

#include <sysexits.h>

static void refused(struct server *server)
{
    recording_failed(&server->recording, server->now);
    server->metrics.journal_errors++;
    answers_take_back(&server->answers);
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

static void committed(struct server *server, const struct journal_batch *batch)
{
    int64_t sync_us = journal_sync_us(server->recording.journal);

    server->metrics.commits++;
    server->metrics.journal_bytes += batch->size;
    server->metrics.messages += batch->messages;
    server->metrics.message_bytes += batch->message_bytes;
    if (sync_us >= 0)
        metrics_count_sync(&server->metrics, sync_us);
    recording_worked(&server->recording, server->now);
}

void round_commit(struct server *server)
{
    const struct journal_batch batch = journal_batch(server->recording.journal);

    if (batch.messages == 0)
        return;
    switch (journal_commit(server->recording.journal)) {
    case JOURNAL_COMMITTED:
        committed(server, &batch);
        break;
    case JOURNAL_REFUSED:
        refused(server);
        break;
    case JOURNAL_BROKEN:
        broken(server);
        break;
    case JOURNAL_STOPPED:
        stopped(server);
        break;
    }
}
