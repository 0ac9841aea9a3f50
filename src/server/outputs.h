/*
 * outputs.h: the files that the server writes, judged before it writes them: no two of them may be
 * the same one, nor the configuration, nor at the path of a Unix socket; and standard output that
 * the service manager reads is no journal. For the start, for -t and for a reload.
 *
 * Files are the same by device and inode, or, also if there is none yet, by name in the same
 * directory; links are followed. Devices, pipes and terminals may be shared.
 */
#ifndef TCPACK_SERVER_OUTPUTS_H
#define TCPACK_SERVER_OUTPUTS_H

#include "common/compiler.h"
#include "common/config/config.h"

#include <stdbool.h>

enum { OUTPUTS_PROBLEM_SIZE = 512 };

/*
 * Whether the outputs of `config`, read from `path`, are files of their own. `standard`: standard
 * output and error are this process's outputs, too; false for -t, whose own they are not. False
 * with `problem` (OUTPUTS_PROBLEM_SIZE bytes) saying which are not. A file that cannot be examined
 * is not judged: opening it says why.
 */
bool outputs_check(const struct config *config, const char *path, bool standard,
                   char *problem) MUST_USE;

/* What to warn of though outputs_check() passed, static text; NULL: nothing. */
const char *outputs_warning(const struct config *config) MUST_USE;

#endif
