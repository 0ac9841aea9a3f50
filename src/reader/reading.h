/*
 * reading.h: takes the records out of journals, one after the other, leaves out those that are not
 * wanted, and prints the others. What is no record is reported on standard error.
 */
#ifndef TCPACK_READER_READING_H
#define TCPACK_READER_READING_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/position.h"
#include "reader/files.h"
#include "reader/filter.h"
#include "reader/form.h"
#include "reader/input.h"
#include "reader/once.h"
#include "reader/progress.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed but for what is set first. Its owner calls reading_free(). */
struct reading {
    struct filter *filter; /* set first, as the next five; its owner frees it */
    struct form form;
    bool once;                 /* leave out repeats of numbered messages */
    bool shipped;              /* take the records that --id made out of the messages */
    bool resumes;              /* leave out what `last` says was read before */
    const char *position_path; /* NULL: no position is written */

    struct position last; /* the last record that was dealt with, or from where to go on */
    bool unsaved;         /* position_path does not have it yet */
    bool found;           /* something was reported: exit status 1 */
    struct once seen;
    struct buffer output;
    struct buffer message;
    struct buffer original; /* the message of a record that was shipped */
    struct progress progress;

    /* Of the input that is read. */
    bool looked_up;                   /* where the last record is, which was read before: */
    uint64_t read_before;             /* offset after it; 0: it is not here */
    uint64_t good_offset, good_lines; /* after its last record */
    uint64_t foreign_offset;          /* of what follows that and is no record */
    bool foreign;                     /* there is some */
    uint64_t last_of;                 /* so many bytes of it were looked at for their */
    struct files_record last_record;  /* last record; seq 0: they have none, or were not */
    uint64_t reported_end;            /* what was reported ends here */
    unsigned reports;                 /* of what is no record */
};

enum reading_result {
    READING_END,     /* there is no more for now */
    READING_PAUSE,   /* standard input is a pipe that is empty for now */
    READING_EMPTIED, /* the file was cut below what was read */
    READING_FAILED,  /* it was logged */
};

/* Forgets what it knows of the last input. */
void reading_begin(struct reading *reading, const struct input *input);

/* Prints what the input has. What is printed is written when there is enough of it. */
enum reading_result reading_go_on(struct reading *reading, struct input *input) MUST_USE;

/*
 * When the input has ended and will not grow: reports an unfinished record at its end, which is not
 * printed.
 */
void reading_end(struct reading *reading, const struct input *input);

/* Writes what was printed, and then the position. False: it was logged. */
bool reading_flush(struct reading *reading, const struct input *input) MUST_USE;

void reading_free(struct reading *reading);

#endif
