/* number.h: text to numbers, strictly. Pure. */
#ifndef TCPACK_COMMON_NUMBER_H
#define TCPACK_COMMON_NUMBER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads text, which must consist of digits of `base` (8 or 10): no sign, blank or prefix. True with
 * *number if it is from min to max; otherwise false, and *number is unchanged.
 */
bool number_parse(const char *text, int base, uint64_t min, uint64_t max,
                  uint64_t *number) MUST_USE;

#endif
