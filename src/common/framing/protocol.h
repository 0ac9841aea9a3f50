/* protocol.h: the functions that a framing implements. Only for this folder. */
#ifndef TCPACK_COMMON_FRAMING_PROTOCOL_H
#define TCPACK_COMMON_FRAMING_PROTOCOL_H

#include "common/framing/framing.h"

struct framing_protocol {
    /* See framing_next(). */
    enum framing_result (*next)(struct framing_state *state, const unsigned char *bytes,
                                size_t size, bool ended, size_t max_message, struct frame *frame);
    /* See framing_wrap(). */
    bool (*wrap)(uint64_t ending, const void *text, size_t size, struct buffer *out);
    /* For clients, see framing.h. NULL: as for a server. */
    bool (*wrap_message)(uint64_t number, const void *text, size_t size, struct buffer *out);
    bool (*unwrap_message)(const unsigned char *bytes, size_t size, struct frame *frame);
    void (*renumber)(uint64_t number, unsigned char *message);
    uint64_t (*transaction)(uint64_t number);
    enum framing_result (*next_reply)(struct framing_state *state, const unsigned char *bytes,
                                      size_t size, size_t max_reply, struct frame *frame);
    bool (*accepts)(const unsigned char *reply, size_t size);
    uint64_t own_ending; /* of a sender's messages: LF for auto and line, NUL, a count */
    int forbidden;       /* the byte that a message cannot contain; -1: it may contain any */
    int forbidden_reply; /* the same for replies */
    bool never_empty;    /* there is no message or reply of zero bytes */
    const char *reply;   /* see framing_reply() */
    /* See framing_farewell(); NULL: there is none. */
    const char *(*farewell)(struct framing_state *state);
};

#endif
