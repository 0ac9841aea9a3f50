/*
 * torn.h: what a failed write left at the end of a file, to be cut off before anything is written
 * after it. Only file.c uses this part.
 */
#ifndef TCPACK_SERVER_JOURNAL_TORN_H
#define TCPACK_SERVER_JOURNAL_TORN_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* {0}: nothing is torn. */
struct torn {
    off_t begin; /* where it is; equal to `end`: nothing */
    off_t end;
    uint64_t seq; /* the last number in it */
};

/*
 * Notes that the last write() left `written` bytes, with numbers up to `seq`. False with the reason
 * in `problem`. `path`: for that.
 */
bool torn_note(struct torn *torn, int fd, size_t written, uint64_t seq, const char *path,
               struct problem *problem) MUST_USE;

/*
 * Cuts it off, and nothing else: the file may have changed since. False with the reason in
 * `problem`; it can be tried again.
 */
bool torn_cut(struct torn *torn, int fd, const char *path, struct problem *problem) MUST_USE;

#endif
