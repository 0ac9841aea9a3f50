/*
 * relp_offers.h: checks a RELP server's response to `open`. Pure.
 */
#ifndef TCPACK_COMMON_FRAMING_RELP_OFFERS_H
#define TCPACK_COMMON_FRAMING_RELP_OFFERS_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether tcpack can use the session. `answer` is the data of the response to open: a status and a
 * text, then one offer per line. If false, `problem` says what the server refused or does not
 * offer, escaped for a terminal.
 */
bool relp_offers_accept(const unsigned char *answer, size_t size, struct problem *problem) MUST_USE;

#endif
