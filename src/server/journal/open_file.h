/*
 * open_file.h: opens the file of a journal: checks that it is one and that no other server uses it,
 * and finds the last SEQ. Only file.c uses this part.
 */
#ifndef TCPACK_SERVER_JOURNAL_OPEN_FILE_H
#define TCPACK_SERVER_JOURNAL_OPEN_FILE_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/problem.h"
#include "common/stream.h"
#include "server/journal/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct open_file {
    int fd;        /* -1: not open */
    bool regular;  /* a regular file: it can be synced and cut */
    bool borrowed; /* standard output, which is never closed */
    bool named;    /* a regular file that had a name when it was opened */
    dev_t device;  /* with inode: the identity of the file */
    ino_t inode;
    off_t committed;            /* bytes of a regular file before the lock (lock.h) */
    struct stream stream;       /* writes to fd */
    uint64_t last_seq;          /* the last SEQ according to this file and its FILE.seq */
    bool has_records;           /* false for standard output and devices: not examined */
    enum journal_format format; /* of its last record */
    struct problem note;        /* a warning about what was repaired, or "" */
};

/* Standard output as a journal. False with the reason in `problem`. */
bool open_file_standard_output(struct open_file *file, struct problem *problem) MUST_USE;

/*
 * Opens `options->file`, creates it if it is absent, locks it, cuts off what a crash left
 * unfinished, and finds the last SEQ. Reads FILE.seq unless `seq_held`, which means that the caller
 * knows the last SEQ, and that the journal at this path was a regular file: it must be one again.
 * Syncs the directory if `options->sync` is set.
 *
 * If the file is `current` (may be NULL), stores fd -1 in *file and only locks the file again.
 *
 * False with the reason in `problem`. The file is then untouched, except that it may have been
 * created, and that a file refused for its format or its SEQ may have been repaired.
 */
bool open_file_at(struct open_file *file, const struct journal_options *options, bool seq_held,
                  const struct open_file *current, struct problem *problem) MUST_USE;

/* Whether `path` leads to this file. */
bool open_file_is_at(const struct open_file *file, const char *path) MUST_USE;

/* Closes the file, or gives up the lock on standard output. A closed file is allowed. */
void open_file_close(struct open_file *file);

#endif
