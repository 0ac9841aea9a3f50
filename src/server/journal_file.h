/*
 * journal_file.h: opening a journal's file: is it ours, is it free, where does SEQ go on. Used by
 * journal.c alone.
 */
#ifndef TCPACK_SERVER_JOURNAL_FILE_H
#define TCPACK_SERVER_JOURNAL_FILE_H

#include "common/compiler.h"
#include "common/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { JOURNAL_TEXT_MAX = 512 };

struct journal_file {
    int fd;        /* -1: not open */
    bool regular;  /* a regular file: it can be synced and cut */
    bool borrowed; /* standard output: not ours to close */
    dev_t device;  /* with inode: which file it is */
    ino_t inode;
    off_t committed;             /* a regular file's bytes before our lock (journal_lock.h) */
    struct stream stream;        /* what to write through */
    uint64_t last_seq;           /* of its last record; 0: none */
    char note[JOURNAL_TEXT_MAX]; /* what was found and mended, "": nothing */
};

/* Standard output as a journal. False with `problem`, JOURNAL_TEXT_MAX bytes, filled. */
bool journal_file_standard_output(struct journal_file *file, char *problem) MUST_USE;

/*
 * Opens `path`, makes it with `mode` where it is absent, locks it, cuts an unfinished last line and
 * finds the last SEQ; with `sync`, the directory is synced. Where it is the same file as `current`
 * (may be NULL), *file gets fd -1 and the file is not touched, but locked again. False with
 * `problem` filled and the file untouched (but made).
 */
bool journal_file_open(struct journal_file *file, const char *path, mode_t mode, bool sync,
                       const struct journal_file *current, char *problem) MUST_USE;

void journal_file_close(struct journal_file *file);

/* Writes FILE.seq with `seq` in it, durably. False with `problem` filled. */
bool journal_file_note_seq(const char *path, uint64_t seq, char *problem) MUST_USE;

#endif
