/* number.h: text to numbers, strictly. Pure. */
#ifndef TCPACK_COMMON_NUMBER_H
#define TCPACK_COMMON_NUMBER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads text, which must be nothing but digits of `base` (8 or 10): no sign, no blank, no prefix.
 * True and *number where it is from min to max; otherwise false and *number as it was.
 */
bool number_parse(const char *text, int base, uint64_t min, uint64_t max,
                  uint64_t *number) MUST_USE;

#endif
