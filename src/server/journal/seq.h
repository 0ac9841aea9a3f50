/*
 * journal_seq.h: FILE.seq, the file beside a journal that keeps SEQ from repeating.
 *
 * It holds a number that no SEQ given so far exceeds, synced before the numbers up to it are used:
 * whatever happens to the journal, numbers go on after it. As most crashes leave the journal where
 * it is, a second line says what must hold for the journal's own last record to be enough, so that
 * no number is skipped then:
 *
 *   100007
 *   inode 131 from 7 last 00000000000000000019 synced yes boot BOOT_ID
 *
 * INODE is the journal's, FROM the last SEQ before the line was written, LAST the last SEQ that was
 * committed, written over (not synced) in each commit. After a stop there is only the first line,
 * and it is exactly the last SEQ; an administrator can write one such line, too.
 */
#ifndef TCPACK_SERVER_JOURNAL_SEQ_H
#define TCPACK_SERVER_JOURNAL_SEQ_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    JOURNAL_SEQ_AHEAD = 100000, /* numbers reserved at once */
    JOURNAL_SEQ_TEXT_MAX = 256, /* bytes of FILE.seq, with a NUL */
    JOURNAL_BOOT_ID_MAX = 64,   /* with a NUL */
};

struct journal_seq_note {
    uint64_t reserved; /* no SEQ that was given exceeds it; 0: nothing is known */
    bool running;      /* with the second line: a server uses it, or was killed */
    uint64_t inode, from, last;
    bool synced;                    /* each commit was synced */
    char boot[JOURNAL_BOOT_ID_MAX]; /* of the kernel that the server ran on; "-": unknown */
};

/* Pure: reads the text of a FILE.seq. False: it is none. */
bool journal_seq_parse(const char *text, size_t size, struct journal_seq_note *note) MUST_USE;

/* Pure: writes that text, and a NUL; returns the offset of LAST's digits (0: there are none). */
size_t journal_seq_format(const struct journal_seq_note *note, char text[JOURNAL_SEQ_TEXT_MAX]);

/*
 * Pure: the SEQ after which numbers go on, for a journal that has this inode and whose last record
 * is `last_record` (0: it has none), on the kernel `boot`.
 */
uint64_t journal_seq_resume(const struct journal_seq_note *note, uint64_t last_record,
                            uint64_t inode, const char *boot) MUST_USE;

/* The running kernel's name for its boot, "-" if it has none. */
void journal_seq_boot(char boot[JOURNAL_BOOT_ID_MAX]);

/* What FILE.seq of the journal `path` says; zeroed if it is absent. False with `problem` filled. */
bool journal_seq_read(const char *path, struct journal_seq_note *note, char *problem) MUST_USE;

/* The FILE.seq that the server uses. */
struct journal_seq {
    char *path; /* of the journal; owned; NULL: none is kept */
    int fd;     /* of FILE.seq, or -1 */
    off_t last_at;
    uint64_t reserved;
};

/* No FILE.seq is used. */
void journal_seq_init(struct journal_seq *seq);

/*
 * Reserves the numbers up to `needed` and JOURNAL_SEQ_AHEAD more for the journal `path`: writes its
 * FILE.seq, durably, with the rest of the note. False with `problem` (JOURNAL_TEXT_MAX bytes)
 * filled, and what was reserved before stays so.
 */
bool journal_seq_reserve(struct journal_seq *seq, const char *path, uint64_t needed,
                         struct journal_seq_note note, char *problem) MUST_USE;

/* After each commit, before it is acknowledged: `last` is the last SEQ of the journal. */
void journal_seq_committed(const struct journal_seq *seq, uint64_t last);

/* At a stop: FILE.seq gets exactly `last`, durably. False with `problem` filled. */
bool journal_seq_finish(struct journal_seq *seq, uint64_t last, char *problem) MUST_USE;

/* Lets go of the file, which stays as it is. */
void journal_seq_drop(struct journal_seq *seq);

#endif
