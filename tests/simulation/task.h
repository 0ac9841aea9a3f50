/*
 * task.h: what tcpack is to do in a history: its command line and its messages; and what it says
 * about it, on standard output and standard error.
 */
#ifndef TCPACK_SIMULATION_TASK_H
#define TCPACK_SIMULATION_TASK_H

#include "chance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TASK_MESSAGES = 120, TASK_TEXT_MAX = 4000, TASK_WINDOW_FIRST = 16 };

/* As tcpack's -f. */
enum task_framing {
    TASK_AUTO,
    TASK_LINE,
    TASK_NUL,
    TASK_OCTET,
    TASK_SYSLOG, /* tcpack counts its messages in this one, too */
    TASK_RELP,
    TASK_FRAMINGS
};

#define TASK_POSITION "/m/position"

struct task {
    enum task_framing framing;
    bool resend;
    bool limited; /* --retries */
    bool nul;
    bool quiet;
    bool words;   /* the message is on the command line */
    bool load;    /* --load: the messages are tcpack's, over several connections, each once */
    size_t first; /* --id=door --number=FIRST --position=TASK_POSITION; 0: without */
    int64_t timeout_us;
    size_t messages;
    size_t ends[TASK_MESSAGES + 1]; /* of each message in the input, with its ending */
};

extern struct task task;

/* Makes one up, with its command line (process_start) and its input (standard.h). */
void task_choose(struct chance *chance);

/* The number of a message, from 1, by how it begins; 0: none of the task's. */
size_t task_number_of(const unsigned char *text, size_t size);

/* Messages that are acknowledged according to the summary of --load. False: there is none. */
bool task_load_summary(size_t *acknowledged) __attribute__((warn_unused_result));

/* Messages that are acknowledged according to TASK_POSITION. */
size_t task_position(void);

/* Bytes of standard error. */
void task_logged(const char *text, size_t size);

/* What tcpack logged: messages acknowledged, and the line to resume from. False: it did not. */
bool task_has_counted(size_t *acknowledged) __attribute__((warn_unused_result));
bool task_can_resume(size_t *line) __attribute__((warn_unused_result));

#endif
