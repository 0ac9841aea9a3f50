/*
 * replace_file.h: a small file that is replaced as a whole: a reader finds the old text or the new
 * one, never a part. Nothing but a regular file is ever replaced or written to: opening a FIFO
 * would wait for its reader, and a link could lead anywhere.
 */
#ifndef TCPACK_COMMON_REPLACE_FILE_H
#define TCPACK_COMMON_REPLACE_FILE_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct replacement {
    const char *path;
    const char *suffix; /* PATH and this is the name under which the new file is made */
    const void *bytes;
    size_t size;
    bool durable; /* the text and the name survive a power cut */
};

/*
 * Replaces the file, which everybody may read whatever the umask. Returns a descriptor of it, open
 * for writing, which the caller closes. -1: the file is as before, nothing is left under the other
 * name, and `problem` says why.
 */
int replace_file(const struct replacement *replacement, struct problem *problem) MUST_USE;

/* Removes such a file; that it is absent is no failure. False as above. */
bool replace_file_remove(const char *path, struct problem *problem) MUST_USE;

/*
 * Makes the directory entry of a file durable: of the file itself if `path` is a symbolic link.
 * False with errno.
 */
bool sync_directory_of(const char *path) MUST_USE;

#endif
