/* history.h: where what was typed at the prompt is kept across runs. */
#ifndef TCPACK_CLIENT_HISTORY_H
#define TCPACK_CLIENT_HISTORY_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>

/*
 * Appends the path of the history file, with a NUL: `$XDG_STATE_HOME/tcpack/history`, or below
 * `~/.local/state` (XDG Base Directory Specification), and makes sure that it is a file that only
 * its owner may read, creating it and its directories where they are missing. False with errno
 * where that did not work; ENOENT: neither variable is set.
 */
bool history_prepare(struct buffer *path) MUST_USE;

#endif
