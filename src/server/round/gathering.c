#include "server/round/gathering.h"

enum {
    SHARE = 2,           /* of a commit's time is what waiting for the next one takes at most */
    WAIT_MAX_US = 20000, /* also after a slow one: a stop or a reload waits, too */
    NS_PER_US = 1000,
};

/* How many of the answered connections have sent again. */
static size_t returned(const struct gathering *gathering, size_t waiting)
{
    return waiting > gathering->before ? waiting - gathering->before : 0;
}

static void learn(struct gathering *gathering, int64_t now, size_t waiting)
{
    size_t count = returned(gathering, waiting);
    int64_t taken_ns = (now - gathering->ended) * NS_PER_US;

    gathering->returns_ns = count > 0 ? taken_ns / (int64_t)count : taken_ns;
    gathering->returning = false;
}

/* All of them, or half. */
static size_t wanted(const struct gathering *gathering)
{
    size_t all = gathering->answered + gathering->before;
    int64_t all_us = gathering->returns_ns * (int64_t)all / NS_PER_US;

    return all_us < gathering->took / SHARE ? all : (all + 1) / 2;
}

void gathering_begin(struct gathering *gathering, int64_t now, int64_t took, size_t answered,
                     size_t waiting)
{
    if (gathering->returning)
        learn(gathering, now, waiting);
    gathering->ended = now;
    gathering->took = took;
    gathering->answered = answered;
    gathering->before = waiting;
    gathering->returning = answered > 0;
    gathering->wanted = wanted(gathering);
}

void gathering_note(struct gathering *gathering, int64_t now, size_t waiting)
{
    if (gathering->returning && returned(gathering, waiting) >= gathering->answered)
        learn(gathering, now, waiting);
}

int64_t gathering_due(const struct gathering *gathering)
{
    int64_t wait = gathering->took / SHARE;

    return gathering->ended + (wait < WAIT_MAX_US ? wait : WAIT_MAX_US);
}

bool gathering_goes_on(const struct gathering *gathering, int64_t now, size_t waiting)
{
    return now < gathering_due(gathering) && waiting < gathering->wanted;
}

bool gathering_is_full(const struct gathering *gathering, int64_t now, size_t waiting)
{
    return now < gathering->ended + gathering->took && waiting >= gathering->wanted;
}

void gathering_end(struct gathering *gathering, int64_t now, size_t waiting)
{
    if (gathering->returning && returned(gathering, waiting) > 0)
        learn(gathering, now, waiting);
    gathering->before = 0;
}
