/*
 * progress.h: one line on a terminal's standard error that says how far the work is, repainted a
 * few times a second. It is made of printable characters and carriage returns: any terminal can.
 */
#ifndef TCPACK_CLIENT_PROGRESS_H
#define TCPACK_CLIENT_PROGRESS_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far it is. */
struct progress_view {
    uint64_t messages;     /* taken from the input */
    uint64_t acknowledged; /* of these */
    uint64_t done;         /* of total, in whatever it is counted */
    uint64_t total;        /* 0: not known */
    double rate;           /* acknowledgements a second, lately */
    int64_t elapsed_us;    /* since the work began */
};

/*
 * Appends the line, at most `columns` characters: `1000 messages, 990 acknowledged, 4711/s`, and
 * where the total is known a bar, as wide as there is room, percent, and the time left. Pure. False
 * with errno ENOMEM.
 */
bool progress_text(const struct progress_view *view, size_t columns, struct buffer *out) MUST_USE;

/* The line on the screen. Zeroed, it shows nothing and never will. */
struct progress {
    bool on;
    size_t shown;   /* characters on the screen */
    int64_t due_us; /* when to repaint */
    int64_t begin_us, painted_us;
    uint64_t acknowledged; /* when it was painted */
    double rate;
};

/* Makes it show itself. `begin_us` is when the work began, monotonic. */
void progress_start(struct progress *progress, int64_t begin_us);

/* When progress_paint() is due, WAIT_FOREVER (wait_set.h) where it is not on. */
int64_t progress_due(const struct progress *progress);

/* Repaints if it is due. Sets view->rate and view->elapsed_us itself. */
void progress_paint(struct progress *progress, struct progress_view *view, int64_t now_us);

/* Wipes the line away, before something else is written; it comes back when it is due. */
void progress_hide(struct progress *progress);

/* Paints for the last time, and leaves the line where it is. */
void progress_end(struct progress *progress, struct progress_view *view, int64_t now_us);

#endif
