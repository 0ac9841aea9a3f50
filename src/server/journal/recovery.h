/*
 * recovery.h: finds out what a crash left at the end of a journal, and how much of it to keep.
 * Pure: the caller's function supplies the bytes.
 *
 * A killed server leaves an unfinished last line. A power cut can leave any of the unsynced sectors
 * as zeros while later sectors have their data: sectors of the last commit if each commit was
 * synced, otherwise of the last seconds. So everything after the last record that is certainly on
 * the disk is examined. The records of one commit have the same TIME. Records before the last TIME
 * belong to an earlier commit, which was synced before the next one began.
 *
 * No record contains a NUL: a line with a NUL is damaged. A crash can have left a damaged line only
 * if the rest of it could be part of records, and if every line after it is a record or damaged.
 * Any other tail is foreign.
 */
#ifndef TCPACK_SERVER_JOURNAL_RECOVERY_H
#define TCPACK_SERVER_JOURNAL_RECOVERY_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    /* Bytes at the end that are examined if commits were not synced: more than the kernel keeps
     * unwritten in most settings. The last commit is always examined. */
    RECOVERY_UNSYNCED = 64 * 1024 * 1024,
    /* The least size of a hole at the beginning of a journal. A shorter run of NULs there belongs
     * to another program's file. */
    RECOVERY_SECTOR = 512,
};

/* The source of the journal's bytes. */
struct recovery_source {
    /* Reads exactly bytes[0..size) at `offset`. False with errno. */
    bool (*read)(void *context, unsigned char *bytes, size_t size, off_t offset);
    void *context;
    off_t size; /* of the journal */
};

enum recovery_result {
    RECOVERY_WHOLE,      /* it ends with a whole record, or is empty */
    RECOVERY_DAMAGED,    /* cut it to `keep` bytes, then append the `salvaged` records */
    RECOVERY_FOREIGN,    /* no crash leaves such a file: leave it untouched */
    RECOVERY_UNREADABLE, /* with errno, also ENOMEM */
};

struct recovery {
    off_t begin;                /* bytes that are certainly on the disk; the rest was examined */
    off_t keep;                 /* bytes before the first damage */
    uint64_t salvaged;          /* whole records to keep after it; 0 if commits were synced */
    uint64_t last_seq;          /* of the last record to keep; 0: there is none */
    enum journal_format format; /* of that record */
};

/* Examines the end of a journal. `synced`: each commit was synced. */
enum recovery_result journal_recovery_examine(const struct recovery_source *source, bool synced,
                                              struct recovery *found) MUST_USE;

/* Appends the salvaged records to `out`. False with errno. */
bool journal_recovery_salvage(const struct recovery_source *source, const struct recovery *found,
                              struct buffer *out) MUST_USE;

#endif
