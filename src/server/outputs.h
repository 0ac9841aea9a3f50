/*
 * outputs.h: checks the files that the server would write before it writes them. No two of them may
 * be the same file, or the configuration, or at the path of a Unix socket; and if the service
 * manager reads standard output, standard output must not be the journal by default. Used at the
 * start, by -t, and by a reload.
 *
 * Files are the same if they have the same device and inode or, even if they do not exist yet, the
 * same name in the same directory. Links are followed. Devices, pipes and terminals may be shared.
 */
#ifndef TCPACK_SERVER_OUTPUTS_H
#define TCPACK_SERVER_OUTPUTS_H

#include "common/compiler.h"
#include "common/config/config.h"
#include "common/problem.h"

#include <stdbool.h>

/*
 * Whether the outputs of `config`, read from `path`, are all different files. `standard`: include
 * standard output and standard error; false for -t, which runs outside the service. False with the
 * two files in `problem`. Ignores a file that cannot be examined:
 * opening it will give the reason.
 */
bool outputs_check(const struct config *config, const char *path, bool standard,
                   struct problem *problem) MUST_USE;

/* A warning about outputs that passed outputs_check(); static text; NULL: no warning. */
const char *outputs_warning(const struct config *config) MUST_USE;

#endif
