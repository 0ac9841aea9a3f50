#include "server/round/recording.h"

#include "common/log.h"

#include <inttypes.h>
#include <string.h>

enum {
    US_PER_SECOND = 1000000,
    LOOK_US = US_PER_SECOND,
    UNHEALTHY_US = 5 * US_PER_SECOND,
};

/* Valid as long as the configuration. */
static struct journal_options journal_options(const struct config *config)
{
    return (struct journal_options){
        .file = config->journal.file,
        .format = (enum journal_format)config->journal.format,
        .sync = config->journal.sync,
        .mode = (unsigned)config->journal.mode,
        .postgresql = config->journal.postgresql,
        .replicas = (unsigned)config->journal.replicas,
        .commit_timeout = config->journal.commit_timeout,
    };
}

static bool open_journal(struct recording *recording, const struct settings *settings)
{
    const struct journal_options options = journal_options(&settings->config);

    if (!journal_open(recording->journal, &options))
        return false;
    recording->reason_logged = false;
    if (*journal_note(recording->journal) != '\0')
        log_warning("%s", journal_note(recording->journal));
    return true;
}

bool recording_check(const struct config *config, struct problem *problem)
{
    const struct journal_options options = journal_options(config);

    return journal_check(&options, problem);
}

/* The journal takes no records `until` something happens. Logs once for an episode. */
static void fail(struct recording *recording, int64_t now, const char *until)
{
    recording->failed_at = now;
    if (!episode_begins(&recording->trouble))
        return;
    recording->look_due = now; /* perhaps it only has to be created again */
    log_error("%s: nothing is acknowledged and connections with messages are closed until %s",
              journal_problem(recording->journal), until);
}

/* A lost journal cannot be opened again. */
static void lost(struct recording *recording, int64_t now)
{
    if (recording->trouble.begun && !recording->reason_logged)
        log_error("%s", journal_problem(recording->journal));
    recording->reason_logged = true;
    fail(recording, now, "it can be opened");
}

/*
 * Has readiness watch what the journal waits for. After each call that may have closed a
 * descriptor: the next connection may get its number.
 */
static void watch(struct recording *recording, struct readiness *readiness)
{
    struct journal_wait wait = journal_wait(recording->journal);
    unsigned interest = (wait.read ? READY_READ : 0U) | (wait.write ? READY_WRITE : 0U);

    if (recording->watched >= 0 && recording->watched != wait.fd)
        readiness_forget(readiness, recording->watched);
    recording->watched = wait.fd;
    if (wait.fd >= 0 && !readiness_watch(readiness, wait.fd, interest)) {
        /* Out of memory: what it waits for ends by commit_timeout. */
    }
}

bool recording_open(struct recording *recording, const struct settings *settings,
                    struct readiness *readiness)
{
    recording->watched = -1;
    if (open_journal(recording, settings)) {
        watch(recording, readiness);
        return true;
    }
    log_error("%s", journal_problem(recording->journal));
    return false;
}

const char *recording_name(const struct settings *settings)
{
    if (*settings->config.journal.postgresql != '\0')
        return "in PostgreSQL";
    return strcmp(settings->config.journal.file, "-") == 0 ? "standard output"
                                                           : settings->config.journal.file;
}

void recording_log(const struct recording *recording, const struct settings *settings)
{
    log_info("journal %s, last record %" PRIu64, recording_name(settings),
             journal_seq(recording->journal));
}

bool recording_reopen(struct recording *recording, const struct settings *settings, int64_t now)
{
    if (open_journal(recording, settings))
        return true;
    if (journal_is_lost(recording->journal))
        lost(recording, now);
    else
        log_error("%s; recording goes on where it was", journal_problem(recording->journal));
    return false;
}

void recording_look_after(struct recording *recording, const struct settings *settings, int64_t now)
{
    const char *file = settings->config.journal.file;

    if (now < recording->look_due)
        return;
    recording->look_due = now + LOOK_US;
    if (!journal_is_lost(recording->journal))
        return;
    if (!open_journal(recording, settings))
        lost(recording, now);
    else if (recording->trouble.begun)
        log_notice("journal %s is open again", file);
    else
        log_error("journal %s was deleted, and its records are lost: it is created again", file);
}

enum journal_result recording_commit(struct recording *recording, struct readiness *readiness)
{
    enum journal_result result = journal_commit(recording->journal);

    recording->committing = result == JOURNAL_PENDING;
    watch(recording, readiness);
    return result;
}

int64_t recording_wait_due(const struct recording *recording)
{
    return journal_wait(recording->journal).due;
}

/* The first line of an episode says that the database is away; others, why it is so still. */
static void note_away(struct recording *recording, int64_t now)
{
    bool new_reason = strcmp(recording->away.text, journal_problem(recording->journal)) != 0;

    problem_set(&recording->away, "%s", journal_problem(recording->journal));
    if (!recording->trouble.begun)
        fail(recording, now, "it is connected again");
    else if (new_reason)
        log_warning("%s", recording->away.text);
    recording->failed_at = now;
}

bool recording_tend(struct recording *recording, struct readiness *readiness, int64_t now)
{
    enum journal_event event = journal_tend(recording->journal);

    watch(recording, readiness);
    if (event == JOURNAL_AWAY)
        note_away(recording, now);
    if (event != JOURNAL_BACK)
        return false;
    recording->away.text[0] = '\0';
    recording_worked(recording, now);
    return true;
}

void recording_log_again(struct recording *recording)
{
    recording->reason_logged = false;
}

void recording_worked(struct recording *recording, int64_t now)
{
    recording->failed_at = 0;
    episode_calms(&recording->trouble, now);
}

void recording_failed(struct recording *recording, int64_t now)
{
    fail(recording, now, "writing works again");
}

int64_t recording_due(const struct recording *recording)
{
    return episode_due(&recording->trouble);
}

void recording_tick(struct recording *recording, int64_t now)
{
    if (episode_ends(&recording->trouble, now))
        log_notice("writing to the journal works again");
}

bool recording_is_healthy(const struct recording *recording, int64_t now)
{
    return journal_can_commit(recording->journal) &&
           (recording->failed_at == 0 || now - recording->failed_at >= UNHEALTHY_US);
}
