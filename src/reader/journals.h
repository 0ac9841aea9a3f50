/*
 * journals.h: the journals that are to be read: opened, and put in the order of their records.
 */
#ifndef TCPACK_READER_JOURNALS_H
#define TCPACK_READER_JOURNALS_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "reader/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journals_entry {
    struct input input;
    uint64_t first_seq; /* UINT64_MAX: not known */
    size_t given;       /* as which of the names it was given, from 0 */
};

/* Zeroed there are none. Its owner calls journals_close(). */
struct journals {
    struct journals_entry *entries;
    size_t count;
    uint64_t size; /* bytes of all that are files */
};

/*
 * Opens them all, and sorts them by the SEQ with which they begin; those of which that cannot be
 * told (empty ones, pipes) come last, as they were given. False: it was logged.
 */
bool journals_open(struct journals *journals, char *const *names, size_t count) MUST_USE;

void journals_close(struct journals *journals);

/* Logs that a journal cannot be opened, with the reason in errno, and what to do. */
void journals_log_cannot_open(const char *name);

/* What etc/tcpackd.service gives the server as its folder, and the journal there by default. */
#define JOURNALS_FOLDER  LOCALSTATEDIR "/lib/tcpack"
#define JOURNALS_DEFAULT JOURNALS_FOLDER "/journal"

/*
 * The path of the journal of the configuration: as it stands there if it is absolute, else in the
 * service's folder. For the caller to free. NULL: it was logged.
 */
char *journals_configured(const struct config *config) MUST_USE;

#endif
