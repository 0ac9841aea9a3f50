/*
 * journal_lock.h: the lock on a journal's file, which says two things to other processes. Used by
 * journal.c and journal_file.c alone.
 *
 * It is a POSIX record lock for writing (fcntl(2), F_SETLK) from the end of the last committed
 * record to infinity. So a second server, which asks for the whole file, is refused; and a reader
 * that asks with F_GETLK for a read lock on the whole file gets, as l_start, how many bytes are
 * committed: what follows may be cut back. No lock: no server records there.
 *
 * The lock belongs to the process: a descriptor that another server inherited does not share it.
 * But it is gone when ANY descriptor of the file is closed in this process. After that,
 * journal_lock_take() takes it again; it is no mistake to take it twice.
 */
#ifndef TCPACK_SERVER_JOURNAL_LOCK_H
#define TCPACK_SERVER_JOURNAL_LOCK_H

#include "common/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/* Locks from offset `from` on. False with errno: EAGAIN if another process has the lock. */
bool journal_lock_take(int fd, off_t from) MUST_USE;

/* Moves the beginning of the lock from *from to `to`, in one call. */
void journal_lock_move(int fd, off_t *from, off_t to);

/* Gives the lock up, for a descriptor that stays open. */
void journal_lock_drop(int fd);

#endif
