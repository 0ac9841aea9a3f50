/*
 * replace_file.h: replaces a small file as a whole: a reader finds the old text or the new one,
 * never a part. Only a regular file is replaced or written to: opening a FIFO would wait for its
 * reader, and a link could lead anywhere.
 */
#ifndef TCPACK_COMMON_REPLACE_FILE_H
#define TCPACK_COMMON_REPLACE_FILE_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct replacement {
    const char *path;
    const char *suffix; /* the new file is made under the name PATH + suffix */
    const void *bytes;
    size_t size;
    bool synced; /* the text is synced before it gets its name; for that: sync_directory_of() */
};

/*
 * Replaces the file, which everybody may read whatever the umask. Returns a descriptor for writing
 * to it, which the caller closes. -1 with the problem: the file is as before, and nothing is left
 * under the other name.
 */
int replace_file(const struct replacement *replacement, struct problem *problem) MUST_USE;

/* Removes such a file; an absent one is not an error. False with the problem. */
bool replace_file_remove(const char *path, struct problem *problem) MUST_USE;

/*
 * Makes a file's directory entry durable; for a symbolic link, that of the file it leads to. False
 * with errno.
 */
bool sync_directory_of(const char *path) MUST_USE;

#endif
