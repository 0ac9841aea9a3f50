/* history.h: where what was typed at the prompt is kept across runs. */
#ifndef TCPACK_CLIENT_HISTORY_H
#define TCPACK_CLIENT_HISTORY_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdio.h>

/*
 * Appends the path of the history file, with a NUL: `$XDG_STATE_HOME/tcpack/history`, or below
 * `~/.local/state` (XDG Base Directory Specification), and makes sure that it is a regular file of
 * the user's own that nobody else may read, creating it and its directories if they are missing. A
 * symbolic link to such a file will do. NULL, or why there is no history: static text or errno's.
 */
const char *history_prepare(struct buffer *path) MUST_USE;

/*
 * Opens that file, which may have been replaced meanwhile, and empties it. The caller closes it;
 * NULL if it is not such a file.
 */
FILE *history_rewrite(const char *path) MUST_USE;

#endif
