/* terminal.h: the terminal on standard input, as it is read and as others get it back. */
#ifndef TCPACK_CLIENT_TERMINAL_H
#define TCPACK_CLIENT_TERMINAL_H

#include "common/compiler.h"

#include <stddef.h>
#include <sys/types.h>

/* As read(); a terminal that was hung up is at its end. */
ssize_t terminal_read(void *bytes, size_t size) MUST_USE;

/*
 * Remembers the terminal's modes as they are now. From then on TSTP (Ctrl-Z) and QUIT (Ctrl-\)
 * bring them back before they stop or end the process, and when it goes on, it has its own again.
 */
void terminal_keep_modes(void);

#endif
