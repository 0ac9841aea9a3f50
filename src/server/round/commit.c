/* commit: makes the round's records last; no reply leaves before. */
#include "common/log.h"
#include "server/round/round.h"

#include <sysexits.h>

/* The batch is not recorded: the connections that it came from get no reply and an end instead. */
static void take_replies_back(struct server *server)
{
    for (size_t at = 0; at < server->answers_count; at++) {
        struct answer *answer = &server->answers[at];
        answer->size = 0; /* of health checks as well: they tell whether messages are recorded */
        if (answer->messages == 0)
            continue;
        answer->connection->state = CONNECTION_REFUSING;
        answer->connection->end = METRICS_ENDED_JOURNAL;
    }
}

static void refused(struct server *server)
{
    if (episode_begins(&server->unwritable)) {
        server->journal_look_due = server->now; /* it may only have to be made again */
        log_error("%s: nothing is acknowledged and connections with messages are closed until "
                  "writing works again",
                  journal_problem(server->journal));
    }
    server->journal_failing = true;
    server->journal_failed = server->now;
    server->metrics.journal_errors++;
    take_replies_back(server);
}

static void broken(struct server *server)
{
    log_error("%s: stopping, the last messages are not acknowledged",
              journal_problem(server->journal));
    server->answers_count = 0;
    server->status = EX_IOERR;
    server->stopping = true;
}

static void stopped(struct server *server)
{
    log_warning("%s: the last messages are not acknowledged", journal_problem(server->journal));
    server->stopping = true;
    take_replies_back(server);
}

/* The batch, of `size` bytes, is recorded. */
static void count_commit(struct server *server, size_t size)
{
    int64_t sync_us = journal_sync_us(server->journal);

    server->metrics.commits++;
    server->metrics.journal_bytes += size;
    server->metrics.messages += server->batch_messages;
    server->metrics.message_bytes += server->batch_bytes;
    if (sync_us >= 0)
        metrics_count_sync(&server->metrics, sync_us);
}

void round_commit(struct server *server)
{
    size_t size = journal_batch_size(server->journal);

    if (size == 0)
        return;
    switch (journal_commit(server->journal)) {
    case JOURNAL_COMMITTED:
        count_commit(server, size);
        server->journal_failing = false;
        episode_calms(&server->unwritable, server->now);
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
    server->batch_messages = 0;
    server->batch_bytes = 0;
}
