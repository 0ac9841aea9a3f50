/*
 * events.h: what can happen in a history, apart from what the server does. To add an event: a name
 * here, how often it happens in weights[] (events.c), and what it does in event_happens().
 */
#ifndef TCPACK_SIMULATION_EVENTS_H
#define TCPACK_SIMULATION_EVENTS_H

#include "calls.h"
#include "chance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
    EVENT_CONNECT,
    EVENT_SEND,          /* some bytes */
    EVENT_SEND_MESSAGES, /* some whole messages */
    EVENT_FINISH,
    EVENT_CLOSE,
    EVENT_RESET,
    EVENT_MISBEHAVE,
    EVENT_URGENT,
    EVENT_DEAF,
    EVENT_READS,
    EVENT_DELAY, /* of replies */
    EVENT_HUP,
    EVENT_USR1,
    EVENT_TERM,
    EVENT_RELOAD,
    EVENT_RELOAD_BAD,
    EVENT_ROTATE, /* rename and HUP */
    EVENT_RENAME,
    EVENT_DELETE,        /* the journal */
    EVENT_COPYTRUNCATE,  /* as logrotate does it with a program that knows no HUP */
    EVENT_REMOVE_SOCKET, /* a Unix socket; and HUP */
    EVENT_FAULT,
    EVENT_DISK_FULL,
    EVENT_DISK_FREE,
    EVENT_CLOCK,
    EVENT_PIPE,  /* the reader of standard output stops, or goes on */
    EVENT_LOG,   /* nobody reads standard error any more, or somebody does again */
    EVENT_PAUSE, /* nothing, for a while */
    EVENT_KILL,
    EVENT_POWER_CUT,
    EVENT_KINDS,
};

struct event {
    enum event_kind kind;
    bool left_out;
    unsigned calls; /* it happens after so many calls since the event before */
    int64_t delay;  /* or when the server has waited for so many microseconds */
    int peer;
    unsigned number; /* what it means is the kind's matter */
    struct fault fault;
};

/* What a history is made of: a chance for every kind of event, 0 for most of the rarer ones. */
struct event_weights {
    unsigned all[EVENT_KINDS];
    unsigned sum;
};

/* Chooses the kinds of a history. */
void event_choose_weights(struct event_weights *weights, struct chance *chance);

/* Makes one up; *peers is how many have connected. */
struct event event_make(const struct event_weights *weights, int *peers, struct chance *chance);

/* It happens. It may end the process. */
void event_happens(const struct event *event, uint64_t seed);

/* Whether a call was made to fail, or the disk was full, since the process started. */
bool event_has_disturbed(void);

/* The disk has room again. */
void event_free_disk(void);
void event_process_begins(void);

/* A process starts that records on standard output: the inode of the file that takes it. */
int event_new_output(void);

/* Begins a history: nothing has been renamed yet. */
void event_begin(void);

/* Whether the last process_kill() was a power cut. */
bool event_power_is_off(void);

#endif
