/*
 * journal_recovery.h: what a crash left at the end of a journal, and what of it stays. Pure: the
 * bytes come from a function of the caller's.
 *
 * A killed server leaves an unfinished last line. A power cut can leave any of the sectors that
 * were not synced as zeros, with what was written after them in its place: in the last commit if
 * each was synced, else in any of the last seconds. So everything after the last record that is
 * certainly on the disk is examined. The records of one commit bear the same TIME: those before the
 * last TIME are of an earlier commit, which was synced before the next one began.
 *
 * No record has a NUL in it: a line with one is damaged. Only if the rest of that line can be of
 * records, and each line after it is a record or damaged, a crash can have left it; a tail that is
 * anything else is foreign.
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
    /* Without syncs, so many bytes from the end are examined: more than the kernel keeps unwritten
     * in most settings; and the last commit in any case. */
    RECOVERY_UNSYNCED = 64 * 1024 * 1024,
    /* A hole that begins the file is at least a sector: shorter ones are other programs' text. */
    RECOVERY_SECTOR = 512,
};

/* Where the journal's bytes come from. */
struct recovery_source {
    /* Reads exactly bytes[0..size) at `offset`. False with errno. */
    bool (*read)(void *context, unsigned char *bytes, size_t size, off_t offset);
    void *context;
    off_t size; /* of the journal */
};

enum recovery_result {
    RECOVERY_WHOLE,      /* it ends with a whole record, or is empty */
    RECOVERY_DAMAGED,    /* cut it at `keep`, then append the `salvaged` records */
    RECOVERY_FOREIGN,    /* no crash leaves that: it must stay as it is */
    RECOVERY_UNREADABLE, /* errno says why; out of memory, too */
};

struct recovery {
    off_t keep;        /* bytes before the first damage */
    uint64_t salvaged; /* whole records after it that stay; only if commits were not synced */
    uint64_t last_seq; /* of the last record that stays; 0: there is none */
    enum journal_format format; /* of that record */
};

/* `synced`: each commit was. */
enum recovery_result journal_recovery_examine(const struct recovery_source *source, bool synced,
                                              struct recovery *found) MUST_USE;

/* Appends the salvaged records to `out`. False with errno. */
bool journal_recovery_salvage(const struct recovery_source *source, const struct recovery *found,
                              struct buffer *out) MUST_USE;

#endif
