/*
 * relp_sender.h: the client's side of RELP: messages as syslog commands, and their responses.
 * Included in this folder only. framing.h describes each function.
 */
#ifndef TCPACK_COMMON_FRAMING_RELP_SENDER_H
#define TCPACK_COMMON_FRAMING_RELP_SENDER_H

#include "common/framing/protocol.h"

bool relp_sender_wrap(uint64_t number, const void *text, size_t size, struct buffer *out) MUST_USE;
bool relp_sender_unwrap(const unsigned char *bytes, size_t size, struct frame *frame) MUST_USE;
void relp_sender_renumber(uint64_t number, unsigned char *message);
uint64_t relp_sender_transaction(uint64_t number);
enum framing_result relp_sender_next_reply(struct framing_state *state, const unsigned char *bytes,
                                           size_t size, size_t max_reply,
                                           struct frame *frame) MUST_USE;
bool relp_sender_accepts(const unsigned char *reply, size_t size);

#endif
