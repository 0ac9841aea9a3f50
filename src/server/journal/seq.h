/*
 * seq.h: FILE.seq, a file next to the journal that keeps a SEQ from being given twice.
 *
 * Its first line is a number that no SEQ given so far exceeds. The number is synced before any SEQ
 * up to it is given, so SEQ can continue after it whatever happens to the journal. Most crashes
 * leave the journal intact. A second line therefore states what must hold for the journal's last
 * record to be the last SEQ, so that no number is skipped:
 *
 *   1000007
 *   inode 131 from 7 last 00000000000000000019 synced yes boot BOOT_ID
 *
 * INODE is the journal's; FROM is the last SEQ before the line was written, if the journal was
 * empty then, and 0 if not; LAST is the last SEQ written to the journal, overwritten in each commit
 * without a sync, so that it is known if the server is killed while the journal is synced. After a
 * stop the file has one line, exactly the last SEQ. An administrator can write such a line, too.
 */
#ifndef TCPACK_SERVER_JOURNAL_SEQ_H
#define TCPACK_SERVER_JOURNAL_SEQ_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    JOURNAL_SEQ_AHEAD = 1000000, /* numbers reserved in advance */
    JOURNAL_SEQ_TEXT_MAX = 256,  /* bytes of FILE.seq and a NUL */
    JOURNAL_BOOT_ID_MAX = 64,    /* bytes of a BOOT_ID and a NUL */
};

struct journal_seq_note {
    uint64_t reserved; /* no SEQ given so far exceeds it; 0: unknown */
    bool running;      /* there is a second line: a server runs, or was killed */
    uint64_t inode, from, last;
    bool synced;                    /* each commit is synced */
    char boot[JOURNAL_BOOT_ID_MAX]; /* BOOT_ID of the kernel that the server ran on; "-": unknown */
};

/* Pure: parses the text of a FILE.seq. False: it is not one. */
bool journal_seq_parse(const char *text, size_t size, struct journal_seq_note *note) MUST_USE;

/* Pure: writes that text and a NUL. Returns the offset of the digits of LAST; 0: there are none. */
size_t journal_seq_format(const struct journal_seq_note *note, char text[JOURNAL_SEQ_TEXT_MAX]);

/*
 * Pure: the SEQ after which a journal continues that has this inode and whose last record is
 * `last_record` (0: it has no record), on the kernel with this BOOT_ID.
 */
uint64_t journal_seq_resume(const struct journal_seq_note *note, uint64_t last_record,
                            uint64_t inode, const char *boot) MUST_USE;

/* The BOOT_ID of the running kernel (random(4)); "-": unknown. */
void journal_seq_boot(char boot[JOURNAL_BOOT_ID_MAX]);

/*
 * Reads the FILE.seq of the journal `path`. *note is all zeros if the file is absent. False with
 * the reason in `problem`.
 */
bool journal_seq_read(const char *path, struct journal_seq_note *note,
                      struct problem *problem) MUST_USE;

/* The FILE.seq that the server uses. */
struct journal_seq {
    char *path;    /* of the journal; owned; NULL: no FILE.seq is used */
    int fd;        /* of FILE.seq, or -1 */
    off_t last_at; /* offset of the digits of LAST */
    uint64_t reserved;
};

/* Starts without a FILE.seq. */
void journal_seq_init(struct journal_seq *seq);

/*
 * Reserves the numbers up to `needed` and JOURNAL_SEQ_AHEAD more for the journal `path`: writes
 * them and the rest of `note` to its FILE.seq and syncs it. False with the reason in `problem`;
 * the previous reservation then stays in force. FILE.seq may be the new one nevertheless, and is
 * then written to from then on.
 */
bool journal_seq_reserve(struct journal_seq *seq, const char *path, uint64_t needed,
                         struct journal_seq_note note, struct problem *problem) MUST_USE;

/*
 * Writes the last SEQ to FILE.seq, without a sync. Call it when the records up to it are written to
 * the journal, before they are synced and their messages are acknowledged. False with the reason in
 * `problem`: acknowledge none of them. With an older LAST, the next server would take a journal
 * that was emptied for one in which they were never recorded, and give their numbers again.
 */
bool journal_seq_written(const struct journal_seq *seq, uint64_t last,
                         struct problem *problem) MUST_USE;

/*
 * For the end of the server: writes exactly `last` to FILE.seq and syncs it. False with the reason
 * in `problem`.
 */
bool journal_seq_finish(struct journal_seq *seq, uint64_t last, struct problem *problem) MUST_USE;

/* Closes the file without changing it. */
void journal_seq_drop(struct journal_seq *seq);

#endif
