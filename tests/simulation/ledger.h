/*
 * ledger.h: the invariants of the journal. What is acknowledged is recorded, once, in order, before
 * the reply leaves, and where sync = yes on the disk; its number is its own for ever; every line is
 * a record.
 */
#ifndef TCPACK_SIMULATION_LEDGER_H
#define TCPACK_SIMULATION_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void ledger_begin(void);

/* The server answers message `index` of a peer, with this number; 0: the reply does not tell it. */
void ledger_acknowledged(int number, size_t index, uint64_t seq);

/* A write() to the journal took all bytes, or did not. */
void ledger_wrote(bool all);

/* Whether the last one did not, a moment ago: then a health check must not be answered. */
bool ledger_is_failing(void);

/* The journal is deleted by somebody, with its records. */
void ledger_deleted(int inode);

/* The server cuts a file to `size` bytes. */
void ledger_truncated(int inode, size_t size);

/* A new process has opened its journal: everything is read anew. */
void ledger_reread(void);

/* The process ended; with the power: what was not synced may be lost. */
void ledger_process_ended(bool power_cut);

/* Reads what is new in the journal. */
void ledger_update(void);

/* A sync has failed, and nothing else: what it was for must not stay in the journal. */
void ledger_check_taken_back(void);

/* Whether a message is in the journal that its peer, which listens, was not answered. */
bool ledger_has_unanswered(int number);

/* Whether a file of the journal is locked, as against a second server. */
bool ledger_is_locked(void);

/* Records found in all. */
size_t ledger_records(void);

#endif
