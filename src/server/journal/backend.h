/*
 * backend.h: what a journal is kept in: a file (file.h), or a table of PostgreSQL (postgresql.h).
 * Each has its own records of a batch and commits them; journal.c has what they share: SEQ, TIME,
 * and the figures of the batch. Only for this folder.
 *
 * A function that has a comment in journal.h does the same here. `self` is what the back end's
 * function for a new one has returned.
 */
#ifndef TCPACK_SERVER_JOURNAL_BACKEND_H
#define TCPACK_SERVER_JOURNAL_BACKEND_H

#include "common/problem.h"
#include "common/record.h"
#include "server/journal/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the records of a commit have in common. */
struct backend_batch {
    uint64_t first; /* SEQ */
    uint64_t last;
    const char *time;
};

struct backend {
    /*
     * journal_open(). *seq is the last one of the journal; it is raised to what was found. `note`,
     * empty before: a warning.
     */
    bool (*open)(void *self, const struct journal_options *options, uint64_t *seq,
                 struct problem *note);
    /* journal_close(). `seq`: of the last record. */
    bool (*close)(void *self, uint64_t seq);
    void (*free)(void *self);

    /* Appends to the batch. False: out of memory, and nothing was appended. */
    bool (*append)(void *self, const struct record *record);
    /* Bytes of the batch. */
    size_t (*size)(const void *self);
    /*
     * journal_commit() and journal_sync_us(). While it returns PENDING, it is called again with the
     * same batch, and what is appended meanwhile belongs to the next one.
     */
    enum journal_result (*commit)(void *self, const struct backend_batch *batch, int64_t *sync_us);

    /* journal_tend(), NULL: nothing happens between commits. *seq as for open(). */
    enum journal_event (*tend)(void *self, uint64_t *seq);
    /* journal_wait(). NULL: it waits for nothing. */
    struct journal_wait (*wait)(const void *self);

    bool (*is_lost)(const void *self);
    bool (*can_commit)(const void *self);
    /* journal_size(). NULL: it is no file. */
    int64_t (*file_size)(const void *self);

    /* Why one of these failed. */
    const struct problem *(*problem)(const void *self);
    uint64_t seq_max;
};

#endif
