/*
 * files.h: what journals hold, from their first and last records: to put several in order, and to
 * find the one in which records go on after a rotation.
 */
#ifndef TCPACK_READER_FILES_H
#define TCPACK_READER_FILES_H

#include "common/compiler.h"
#include "common/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record of a file. */
struct files_record {
    uint64_t seq; /* 0: there is none */
    char time[RECORD_TIME_LENGTH + 1];
    uint64_t begin; /* offset of its line */
    uint64_t end;   /* offset after its LF */
};

/*
 * The record with which the file begins, after lines that are none: of these, as many as a damaged
 * message may have are passed over. False: errno says why.
 */
bool files_first(int fd, struct files_record *record) MUST_USE;

/* The last whole line before `end` that begins as a record does. False: errno says why. */
bool files_last(int fd, uint64_t end, struct files_record *record) MUST_USE;

/*
 * The record `seq` before `end`, of a file whose numbers go up; record->seq is 0 if there is none.
 * False: errno says why.
 */
bool files_look_up(int fd, uint64_t end, uint64_t seq, struct files_record *record) MUST_USE;

/*
 * Finds, of the files beside `path` whose names are its own with a `.` or `-` and anything after
 * it, the one that goes on with record `seq`, or if there is none, with the next one that there is
 * before record `limit`; 0 is no record. Writes its name to *name, which the caller frees. False if
 * there is none, or it cannot be read; *name is NULL then.
 */
bool files_find(const char *path, uint64_t seq, uint64_t limit, char **name) MUST_USE;

#endif
