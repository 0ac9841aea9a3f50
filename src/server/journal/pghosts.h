/*
 * pghosts.h: the hosts of a connection string of PostgreSQL, one by one. Pure.
 *
 * libpq itself tries them one after the other, but if it must not wait, it has no time limit for
 * each: it would wait minutes for a machine that is gone. So it gets one host at a time.
 */
#ifndef TCPACK_SERVER_JOURNAL_PGHOSTS_H
#define TCPACK_SERVER_JOURNAL_PGHOSTS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum { PGHOST_SIZE = 256 }; /* bytes, with the NUL */

/* Values of the parameters host, hostaddr and port; "": not set. */
struct pghost {
    char name[PGHOST_SIZE];
    char address[PGHOST_SIZE];
    char port[PGHOST_SIZE];
};

struct pghosts {
    struct pghost *all; /* owned */
    size_t count;       /* at least 1 */
};

/*
 * Takes lists apart, `a,b,c` each, or NULL. If they do not fit together, that is one host without
 * any value: libpq says what is wrong with the connection string. False: errno ENOMEM.
 */
bool pghosts_set(struct pghosts *hosts, const char *names, const char *addresses,
                 const char *ports) MUST_USE;

void pghosts_free(struct pghosts *hosts);

#endif
