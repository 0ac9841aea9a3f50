#include "server/journal/journal.h"

#include "common/clock.h"
#include "common/record.h"
#include "server/journal/backend.h"
#include "server/journal/file.h"
#include "server/journal/postgresql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct journal_batch figures; /* but `size` of what was appended, which the back end knows */
    struct record_time time;
};

struct journal {
    const struct backend *backend; /* what it is kept in; NULL: it was never opened */
    void *kept;                    /* for the functions of the back end */
    struct batch batch;            /* of what was appended */
    struct batch committing;       /* of the commit that is under way, or was the last one */
    bool pending;                  /* it is under way */
    uint64_t seq;                  /* of the last record, including both batches */
    uint64_t settled_seq;          /* of the last one that was committed, or is not used again */
    int64_t sync_us;               /* journal_sync_us() */
    struct problem problem;
    struct problem note;
};

struct journal *journal_new(void)
{
    return calloc(1, sizeof(struct journal));
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->backend != NULL)
        journal->backend->free(journal->kept);
    free(journal);
}

static bool names_database(const struct journal_options *options)
{
    return options->postgresql != NULL && *options->postgresql != '\0';
}

/* Says what the back end says. Returns false. */
static bool failed(struct journal *journal)
{
    journal->problem = *journal->backend->problem(journal->kept);
    return false;
}

/* Opens what `options` name, for the first time. */
static bool begin(struct journal *journal, const struct journal_options *options)
{
    bool database = names_database(options);

    journal->kept = database ? postgresql_new() : file_new();
    if (journal->kept == NULL)
        return problem_set(&journal->problem, "cannot open the journal: %s", strerror(errno));
    journal->backend = database ? &postgresql_backend : &file_backend;
    if (journal->backend->open(journal->kept, options, &journal->seq, &journal->note))
        return true;
    (void)failed(journal);
    journal->backend->free(journal->kept);
    journal->backend = NULL;
    return false;
}

static bool open_again(struct journal *journal, const struct journal_options *options)
{
    if (journal->backend != &file_backend || !names_database(options))
        return journal->backend->open(journal->kept, options, &journal->seq, &journal->note) ||
               failed(journal);
    return !journal_is_lost(journal) ||
           problem_set(&journal->problem, "a journal in PostgreSQL needs a restart");
}

bool journal_open(struct journal *journal, const struct journal_options *options)
{
    journal->note.text[0] = '\0';
    bool opened = journal->backend == NULL ? begin(journal, options) : open_again(journal, options);
    journal->settled_seq = journal->seq;
    return opened;
}

bool journal_check(const struct journal_options *options, struct problem *problem)
{
    struct journal_options examining = *options;
    struct journal journal = {0};

    if (!names_database(options))
        return true;
    examining.examine_only = true;
    bool usable = begin(&journal, &examining);
    if (usable)
        journal.backend->free(journal.kept);
    *problem = journal.problem;
    return usable;
}

bool journal_is_lost(const struct journal *journal)
{
    return journal->backend != NULL && journal->backend->is_lost(journal->kept);
}

bool journal_can_commit(const struct journal *journal)
{
    return journal->backend->can_commit(journal->kept);
}

struct journal_wait journal_wait(const struct journal *journal)
{
    return journal->backend->wait != NULL ? journal->backend->wait(journal->kept)
                                          : (struct journal_wait){.fd = -1, .due = INT64_MAX};
}

enum journal_event journal_tend(struct journal *journal)
{
    if (journal->backend->tend == NULL)
        return JOURNAL_NO_EVENT;
    enum journal_event event = journal->backend->tend(journal->kept, &journal->seq);
    if (event == JOURNAL_AWAY)
        (void)failed(journal);
    if (event == JOURNAL_BACK)
        journal->settled_seq = journal->seq;
    return event;
}

bool journal_close(struct journal *journal)
{
    return journal->backend->close(journal->kept, journal->settled_seq) || failed(journal);
}

bool journal_append(struct journal *journal, const char *peer, const char *listener,
                    const void *message, size_t size, uint64_t *seq)
{
    if (journal->seq == journal->backend->seq_max)
        return problem_set(&journal->problem, "no SEQ is left");
    if (journal->batch.figures.messages == 0)
        record_time_set(&journal->batch.time, clock_wall_us());
    const struct record record = {
        .seq = journal->seq + 1,
        .time = journal->batch.time.text,
        .peer = peer,
        .listener = listener,
        .message = message,
        .size = size,
    };
    if (!journal->backend->append(journal->kept, &record))
        return problem_set(&journal->problem, "out of memory");
    *seq = ++journal->seq;
    journal->batch.figures.messages++;
    journal->batch.figures.message_bytes += size;
    return true;
}

const char *journal_time(const struct journal *journal)
{
    return journal->batch.time.text;
}

struct journal_batch journal_batch(const struct journal *journal)
{
    struct journal_batch figures = journal->batch.figures;

    figures.size = journal->backend->size(journal->kept);
    return figures;
}

struct journal_batch journal_committed(const struct journal *journal)
{
    return journal->committing.figures;
}

int64_t journal_sync_us(const struct journal *journal)
{
    return journal->sync_us;
}

uint64_t journal_seq(const struct journal *journal)
{
    return journal->seq;
}

int64_t journal_size(const struct journal *journal)
{
    return journal->backend->file_size != NULL ? journal->backend->file_size(journal->kept) : -1;
}

/* What was appended is the batch of the commit that begins; what comes now, of the next one. */
static void begin_commit(struct journal *journal)
{
    journal->committing = journal->batch;
    journal->committing.figures = journal_batch(journal);
    journal->batch.figures = (struct journal_batch){0};
}

/* Numbers of a batch that is not recorded are given again, unless higher ones are taken already. */
static void settle(struct journal *journal, enum journal_result result, uint64_t last)
{
    bool taken = journal->batch.figures.messages > 0;

    if (result == JOURNAL_COMMITTED || result == JOURNAL_UNKNOWN || taken)
        journal->settled_seq = last;
    else
        journal->seq = journal->settled_seq;
}

enum journal_result journal_commit(struct journal *journal)
{
    if (!journal->pending && journal->batch.figures.messages == 0)
        return JOURNAL_COMMITTED;
    if (!journal->pending)
        begin_commit(journal);
    const struct backend_batch batch = {.first = journal->settled_seq + 1,
                                        .last = journal->settled_seq +
                                                journal->committing.figures.messages,
                                        .time = journal->committing.time.text};
    enum journal_result result = journal->backend->commit(journal->kept, &batch, &journal->sync_us);
    journal->pending = result == JOURNAL_PENDING;
    if (journal->pending)
        return result;
    if (result != JOURNAL_COMMITTED)
        (void)failed(journal);
    settle(journal, result, batch.last);
    return result;
}

const char *journal_problem(const struct journal *journal)
{
    return journal->problem.text;
}

const char *journal_note(const struct journal *journal)
{
    return journal->note.text;
}
