/*
 * progress.h: how far the reading of files is, on a terminal's standard error, as one line that is
 * painted again a few times a second.
 */
#ifndef TCPACK_READER_PROGRESS_H
#define TCPACK_READER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed it shows nothing. */
struct progress {
    uint64_t total;  /* bytes to read; 0: it shows nothing */
    uint64_t before; /* bytes of files that were read before this one */
    unsigned turns;  /* calls since the clock was looked at */
    int64_t due_us;  /* monotonic */
    bool shown;
};

/* Shows that `done` bytes of this file were read, if it is time to. Cheap. */
void progress_show(struct progress *progress, uint64_t done);

/* Wipes the line. */
void progress_hide(struct progress *progress);

#endif
