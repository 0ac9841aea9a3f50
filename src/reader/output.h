/*
 * output.h: standard output, in pieces of whole records. A write that waits may be ended by any
 * signal: what it did not take was not counted.
 */
#ifndef TCPACK_READER_OUTPUT_H
#define TCPACK_READER_OUTPUT_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>

/* So many bytes are written at once; a longer record is written at once, too. */
enum { OUTPUT_FULL = 64 * 1024 };

/* Writes what the buffer has, all of it, and empties it. False: errno says why. */
bool output_write(struct buffer *bytes) MUST_USE;

#endif
