#include "server/round/recording.h"

#include "common/log.h"

enum {
    US_PER_SECOND = 1000000,
    LOOK_US = US_PER_SECOND,
    UNHEALTHY_US = 5 * US_PER_SECOND,
};

static bool open_journal(struct recording *recording, const struct settings *settings)
{
    const struct journal_options options = {
        .file = settings->config.journal.file,
        .format = (enum journal_format)settings->config.journal.format,
        .sync = settings->config.journal.sync,
        .mode = (unsigned)settings->config.journal.mode,
    };

    if (!journal_open(recording->journal, &options))
        return false;
    if (*journal_note(recording->journal) != '\0')
        log_warning("%s", journal_note(recording->journal));
    return true;
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

static void lost(struct recording *recording, int64_t now)
{
    fail(recording, now, "it can be opened");
}

bool recording_open(struct recording *recording, const struct settings *settings)
{
    if (open_journal(recording, settings))
        return true;
    log_error("%s", journal_problem(recording->journal));
    return false;
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
    return recording->failed_at == 0 || now - recording->failed_at >= UNHEALTHY_US;
}
