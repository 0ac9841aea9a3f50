/*
 * journal_file.h: opening a journal's file: is it ours, is it free, where does SEQ go on. Used by
 * journal.c alone.
 */
#ifndef TCPACK_SERVER_JOURNAL_FILE_H
#define TCPACK_SERVER_JOURNAL_FILE_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/stream.h"
#include "server/journal/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { JOURNAL_TEXT_MAX = 512 };

struct journal_file {
    int fd;        /* -1: not open */
    bool regular;  /* a regular file: it can be synced and cut */
    bool borrowed; /* standard output: not ours to close */
    bool named;    /* a regular file that had a name when it was opened */
    dev_t device;  /* with inode: which file it is */
    ino_t inode;
    off_t committed;             /* a regular file's bytes before our lock (journal_lock.h) */
    struct stream stream;        /* what to write through */
    uint64_t last_seq;           /* after which numbers go on, as far as this file knows */
    bool has_records;            /* known for regular files but standard output */
    enum journal_format format;  /* of its last record */
    char note[JOURNAL_TEXT_MAX]; /* what was found and mended, "": nothing */
};

/* Standard output as a journal. False with `problem`, JOURNAL_TEXT_MAX bytes, filled. */
bool journal_file_standard_output(struct journal_file *file, char *problem) MUST_USE;

/*
 * Opens `options->file`, makes it if it is absent, locks it, cuts what a crash left unfinished and
 * finds the last SEQ; FILE.seq is read unless `seq_held`: the caller knows better. With
 * `options->sync`, the directory is synced. If it is the same file as `current` (may be NULL),
 * *file gets fd -1 and the file is not touched, but locked again. False with `problem` filled and
 * the file untouched (but made). A file that is refused for its format or its SEQ may have been
 * mended.
 */
bool journal_file_open(struct journal_file *file, const struct journal_options *options,
                       bool seq_held, const struct journal_file *current, char *problem) MUST_USE;

/* Whether the file that `path` leads to is this one. */
bool journal_file_is_at(const struct journal_file *file, const char *path) MUST_USE;

void journal_file_close(struct journal_file *file);

#endif
