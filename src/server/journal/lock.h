/*
 * lock.h: the lock on a journal's file, which tells other processes two things. Only journal.c and
 * file.c use this part.
 *
 * It is a POSIX record lock for writing (fcntl(2), F_SETLK) from the end of the last committed
 * record to infinity. A second server asks for the whole file and is refused. A reader asks with
 * F_GETLK for a read lock on the whole file and gets in l_start how many bytes are committed; the
 * bytes after them may still be cut off. No lock: no server is recording in this file.
 *
 * The lock belongs to the process, so a descriptor inherited by another server does not share it.
 * The process loses the lock when it closes ANY descriptor of the file. journal_lock_take() then
 * takes it again; taking a lock twice does no harm.
 */
#ifndef TCPACK_SERVER_JOURNAL_LOCK_H
#define TCPACK_SERVER_JOURNAL_LOCK_H

#include "common/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Locks the file from offset `from` to infinity, without waiting. False with errno; EAGAIN: another
 * process has the lock.
 */
bool journal_lock_take(int fd, off_t from) MUST_USE;

/* Moves the beginning of the lock from *from to `to` in one call. Sets *from if it succeeds. */
void journal_lock_move(int fd, off_t *from, off_t to);

/* Gives up the lock of a descriptor that stays open. */
void journal_lock_drop(int fd);

#endif
