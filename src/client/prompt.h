/* prompt.h: tcpack at a terminal: asks for a message, sends it, shows the reply, until end of file.
 */
#ifndef TCPACK_CLIENT_PROMPT_H
#define TCPACK_CLIENT_PROMPT_H

#include "client/outcome.h"
#include "client/transfer.h"
#include "common/compiler.h"

#include <stdbool.h>

/*
 * Runs it on standard input, with `text` as the prompt on standard error. Returns as the functions
 * of transfer.h. `history`: whether what is typed is kept for the next run.
 */
enum outcome prompt_run(struct transfer *transfer, const char *text, bool history) MUST_USE;

#endif
