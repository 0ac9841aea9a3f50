/*
 * position.h: how far the records of a journal were taken, in a file. tcpack-journal writes it once
 * its output was taken, tcpack once a message was acknowledged.
 *
 * One line, `NUMBER NAME` or `NUMBER NAME TIME INODE OFFSET LINE`. NAME is that of --id, `*`: none.
 * NUMBER is the last record's SEQ; TIME is the record's, and INODE, OFFSET and LINE say where the
 * next one begins; tcpack, which does not know that, writes 0.
 */
#ifndef TCPACK_COMMON_POSITION_H
#define TCPACK_COMMON_POSITION_H

#include "common/compiler.h"
#include "common/numbered.h"
#include "common/problem.h"
#include "common/record.h"

#include <stdbool.h>
#include <stdint.h>

struct position {
    uint64_t number;                   /* 0: nothing was taken yet */
    char name[NUMBERED_NAME_MAX + 1];  /* "": none */
    char time[RECORD_TIME_LENGTH + 1]; /* "": this and what follows are not known */
    uint64_t inode;
    uint64_t offset; /* bytes */
    uint64_t line;   /* lines before it */
};

/* Reads the file; one that is absent is position 0. False with the problem. */
bool position_load(const char *path, struct position *position, struct problem *problem) MUST_USE;

/*
 * Writes the file anew, by way of FILE.new: there is always a whole one. Nothing is synced: after a
 * power cut it may be an older one. False with the problem.
 */
bool position_save(const char *path, const struct position *position,
                   struct problem *problem) MUST_USE;

#endif
