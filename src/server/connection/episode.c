#include "server/connection/episode.h"

#include "server/connection/deadlines.h"

bool episode_begins(struct episode *episode)
{
    bool begins = !episode->begun;

    *episode = (struct episode){.begun = true};
    return begins;
}

void episode_calms(struct episode *episode, int64_t now)
{
    if (episode->begun && episode->calm_since == 0)
        episode->calm_since = now;
}

int64_t episode_due(const struct episode *episode)
{
    return episode->calm_since == 0 ? DEADLINE_NEVER : episode->calm_since + EPISODE_CALM_US;
}

bool episode_ends(struct episode *episode, int64_t now)
{
    if (episode_due(episode) > now)
        return false;
    *episode = (struct episode){0};
    return true;
}
