/* history.h: the file that keeps the lines typed at the prompt. */
#ifndef TCPACK_CLIENT_HISTORY_H
#define TCPACK_CLIENT_HISTORY_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Appends the path of the history file, with a NUL: `$XDG_STATE_HOME/tcpack/history`, or
 * `~/.local/state/tcpack/history` (XDG Base Directory Specification). Creates the file and its
 * directories if they are missing. It must be a regular file, or a symbolic link to one, that the
 * user owns; its mode is set to 0600. False with the reason in `problem`.
 */
bool history_prepare(struct buffer *path, struct problem *problem) MUST_USE;

/*
 * Opens that file and empties it. Returns NULL on failure, also if the file has been replaced by
 * one that history_prepare() would not accept. The caller closes the file.
 */
FILE *history_rewrite(const char *path) MUST_USE;

#endif
