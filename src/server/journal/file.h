/*
 * file.h: the journal as a file, or as standard output: a commit is one write() and, if `sync` is
 * set, one fdatasync(). One of the two back ends of journal.c.
 */
#ifndef TCPACK_SERVER_JOURNAL_FILE_H
#define TCPACK_SERVER_JOURNAL_FILE_H

#include "common/compiler.h"
#include "server/journal/backend.h"

extern const struct backend file_backend;

/* What it works on: nothing is open. NULL with errno ENOMEM. */
void *file_new(void) MUST_USE;

#endif
