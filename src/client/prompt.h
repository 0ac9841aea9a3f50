/*
 * prompt.h: tcpack at a terminal. Asks for a message, sends it and shows the reply, until end of
 * file.
 */
#ifndef TCPACK_CLIENT_PROMPT_H
#define TCPACK_CLIENT_PROMPT_H

#include "client/outcome.h"
#include "client/transfer.h"
#include "common/compiler.h"

#include <stdbool.h>

/*
 * Reads from standard input, with `text` as the prompt on standard error. Returns as
 * transfer_message(). `history`: whether to keep the lines typed for the next run.
 */
enum outcome prompt_run(struct transfer *transfer, const char *text, bool history) MUST_USE;

#endif
