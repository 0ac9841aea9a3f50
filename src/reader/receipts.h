/*
 * receipts.h: the acknowledgements that a client kept, as `tcpack --json` prints them, to be held
 * against the records. Only for their `line` and `seq`. Pure.
 */
#ifndef TCPACK_READER_RECEIPTS_H
#define TCPACK_READER_RECEIPTS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receipt {
    uint64_t seq;
    uint64_t line; /* of the file of receipts */
    bool found;    /* there is such a record */
};

/* A zeroed struct has none. Its owner calls receipts_free(). */
struct receipts {
    struct receipt *all; /* receipts_sort(): by seq */
    size_t count;
    size_t capacity;
};

enum receipts_result {
    RECEIPTS_ADDED,
    RECEIPTS_WITHOUT_SEQ, /* a reply in which there was no number */
    RECEIPTS_MALFORMED,   /* tcpack --json prints no such line */
    RECEIPTS_NO_MEMORY,
};

/* Adds what a line, without its LF, says. */
enum receipts_result receipts_add(struct receipts *receipts, const void *line, size_t size,
                                  uint64_t number) MUST_USE;

/* When all are added, before receipts_find(). */
void receipts_sort(struct receipts *receipts);

/* Notes that there is a record `seq`. */
void receipts_find(struct receipts *receipts, uint64_t seq);

void receipts_free(struct receipts *receipts);

#endif
