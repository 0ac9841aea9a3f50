/*
 * kernel_files.h: the calls on files, as the simulated kernel serves them from disk.h.
 */
#ifndef TCPACK_SIMULATION_KERNEL_FILES_H
#define TCPACK_SIMULATION_KERNEL_FILES_H

#include "descriptors.h"

#include <stddef.h>
#include <sys/types.h>

/* open() without the beginning that each call has. -1 with errno. */
int files_open(const char *path, int flags, mode_t mode);

/* read() and write() at the descriptor's position. -1 with errno. */
ssize_t files_read(struct descriptor *file, void *bytes, size_t size);
ssize_t files_read_boot(struct descriptor *text, void *bytes, size_t size);
ssize_t files_write(struct descriptor *file, const void *bytes, size_t size);

/* What closing a descriptor of a file does to the file. */
void files_close(const struct descriptor *file);

#endif
