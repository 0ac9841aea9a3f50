/*
 * progress.h: a progress line on standard error, repainted a few times a second. It uses only
 * printable characters and carriage returns, which every terminal supports. Each painting asks for
 * the width of the screen, which may have changed, and nothing is written beyond it.
 */
#ifndef TCPACK_CLIENT_PROGRESS_H
#define TCPACK_CLIENT_PROGRESS_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the line shows. */
struct progress_view {
    uint64_t messages;     /* taken from the input */
    uint64_t acknowledged; /* messages */
    uint64_t done;         /* in the unit of `total`: bytes or messages */
    uint64_t total;        /* 0: not known */
    double rate;           /* recent acknowledgements per second */
    int64_t elapsed_us;    /* since the start */
};

/*
 * Appends the line, at most `columns` characters: `1000 messages, 990 acknowledged, 4711/s`. If the
 * total is known, a bar (as wide as there is room), the percentage and the time left follow. What
 * has no room is left out, and no number is cut: on a narrow screen `990 acknowledged  25 %`, then
 * `25 %`, or nothing. Pure. Returns false with errno ENOMEM.
 */
bool progress_text(const struct progress_view *view, size_t columns, struct buffer *out) MUST_USE;

/* The line on the screen. A zeroed struct never shows anything. */
struct progress {
    bool on;
    size_t shown;   /* characters on the screen */
    int64_t due_us; /* when to repaint */
    int64_t begin_us, painted_us;
    uint64_t acknowledged; /* as of the last painting */
    double rate;
};

/* Turns the line on. `begin_us`: when the work began, monotonic. */
void progress_start(struct progress *progress, int64_t begin_us);

/* When progress_paint() is due; WAIT_FOREVER (wait_set.h) if the line is off. */
int64_t progress_due(const struct progress *progress);

/* Repaints the line if it is due. Sets view->rate and view->elapsed_us. */
void progress_paint(struct progress *progress, struct progress_view *view, int64_t now_us);

/* Erases the line, before something else is written. It reappears when it is next due. */
void progress_hide(struct progress *progress);

/* Paints the line for the last time and leaves it on the screen. */
void progress_end(struct progress *progress, struct progress_view *view, int64_t now_us);

#endif
