/* terminal.h: the terminal on standard input: reading it and restoring its modes. */
#ifndef TCPACK_CLIENT_TERMINAL_H
#define TCPACK_CLIENT_TERMINAL_H

#include "common/compiler.h"

#include <stddef.h>
#include <sys/types.h>

/* Like read(), but returns 0 (end of file) if the terminal was hung up. */
ssize_t terminal_read(void *bytes, size_t size) MUST_USE;

/*
 * Saves the terminal's modes. From then on, TSTP (Ctrl-Z) and QUIT (Ctrl-\) restore them before
 * stopping or ending the process. When the process continues, it sets its own modes again.
 */
void terminal_keep_modes(void);

#endif
