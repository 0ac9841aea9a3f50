/* delimited.h: framings in which a delimiter follows the message: line and nul. */
#ifndef TCPACK_COMMON_FRAMING_DELIMITED_H
#define TCPACK_COMMON_FRAMING_DELIMITED_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_line, framing_nul;

/* The two functions of framing_line, which auto uses once it has seen a newline. */
enum framing_result framing_line_next(struct framing_state *state, const unsigned char *bytes,
                                      size_t size, bool ended, size_t max_message,
                                      struct frame *frame) MUST_USE;
bool framing_delimited_wrap(uint64_t ending, const void *text, size_t size,
                            struct buffer *out) MUST_USE;

#endif
