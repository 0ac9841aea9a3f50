/*
 * relp_offers.h: whether a RELP server's answer to `open` is one that tcpack can work with. Pure.
 */
#ifndef TCPACK_COMMON_FRAMING_RELP_OFFERS_H
#define TCPACK_COMMON_FRAMING_RELP_OFFERS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum { RELP_OFFERS_PROBLEM_SIZE = 256 };

/*
 * `answer` is the data of the response: a status and a text, and after LF the offers, one a line.
 * False: `problem`, RELP_OFFERS_PROBLEM_SIZE bytes, says what the server refuses or lacks, in a
 * form that is safe on a terminal.
 */
bool relp_offers_accept(const unsigned char *answer, size_t size, char *problem) MUST_USE;

#endif
