/*
 * framing_protocol.h: what a framing is made of. Only framing.c and the framing_*.c files include
 * it. To add a framing: one more file, one name in enum framing, and its lines in framing.c. What
 * names them all to people follows by hand: the pages, the help of tcpack, the completion.
 */
#ifndef TCPACK_COMMON_FRAMING_PROTOCOL_H
#define TCPACK_COMMON_FRAMING_PROTOCOL_H

#include "common/compiler.h"
#include "common/framing/framing.h"

struct framing_protocol {
    /* See framing_next(). */
    enum framing_result (*next)(struct framing_state *state, const unsigned char *bytes,
                                size_t size, bool ended, size_t max_message, struct frame *frame);
    /* See framing_wrap(). */
    bool (*wrap)(uint64_t ending, const void *text, size_t size, struct buffer *out);
    uint64_t own_ending; /* see framing_own_ending() */
    int forbidden;       /* the byte that a message cannot contain, -1: none */
};

extern const struct framing_protocol framing_auto, framing_line, framing_nul, framing_octet;

/* framing_line's two functions; auto is a line framing with another beginning. */
enum framing_result framing_line_next(struct framing_state *state, const unsigned char *bytes,
                                      size_t size, bool ended, size_t max_message,
                                      struct frame *frame) MUST_USE;
bool framing_delimited_wrap(uint64_t ending, const void *text, size_t size,
                            struct buffer *out) MUST_USE;

#endif
