/*
 * check.h: looks whether journals are what tcpackd writes, and whether all acknowledged numbers are
 * there. Findings are printed on standard output, `FILE:LINE: what is wrong`.
 */
#ifndef TCPACK_READER_CHECK_H
#define TCPACK_READER_CHECK_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/record.h"
#include "reader/input.h"
#include "reader/progress.h"
#include "reader/receipts.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed it has seen nothing; `quiet` it prints nothing and only counts. Its owner calls
 * check_free(). */
struct check {
    bool quiet;
    uint64_t findings;
    uint64_t records;
    uint64_t first_seq, last_seq;      /* 0: there was no record yet */
    char time[RECORD_TIME_LENGTH + 1]; /* of the last record */
    struct receipts receipts;
    const char *receipts_path;
    struct buffer message, again, output;
    struct progress progress;
};

/* Reads the receipts. False: it was logged. */
bool check_receipts(struct check *check, const char *path) MUST_USE;

/* Checks one more journal; the first record of one follows the last of the one before. */
bool check_input(struct check *check, struct input *input) MUST_USE;

/* When all are checked: prints which receipts have no record, and a summary. */
bool check_end(struct check *check) MUST_USE;

void check_free(struct check *check);

#endif
