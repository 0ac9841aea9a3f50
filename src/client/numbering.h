/*
 * numbering.h: the numbers of numbered messages (numbered.h): given to messages that have none, and
 * noted once they are acknowledged, so that the program that makes them knows where to go on.
 */
#ifndef TCPACK_CLIENT_NUMBERING_H
#define TCPACK_CLIENT_NUMBERING_H

#include "client/acknowledgement.h"
#include "common/buffer.h"
#include "common/compiler.h"
#include "common/framing/framing.h"
#include "common/position.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed but for what is set first it has noted nothing. Its owner calls numbering_free(). */
struct numbering {
    const char *id;       /* set first: NULL, messages are sent as they are */
    uint64_t first;       /* set first: the number of the input's first message */
    const char *position; /* set first: a file, see position.h; NULL: none */

    struct buffer message;
    struct position acknowledged;
    bool unsaved; /* the file does not have it yet */
};

/* The message as it is to be sent. */
struct numbering_message {
    const void *text;
    size_t size;
};

/*
 * Puts NAME and number before a message, the input's `line`th, if there is an id; the text is valid
 * until the next call. NULL, or a static text that says why it cannot be sent.
 */
const char *numbering_apply(struct numbering *numbering, uint64_t line,
                            struct numbering_message *message) MUST_USE;

/* Notes that a message is acknowledged. */
void numbering_acknowledged(struct numbering *numbering, enum framing framing,
                            const struct acknowledgement *acknowledgement);

/* Writes the file if there is something new. False with the problem. */
bool numbering_save(struct numbering *numbering, struct problem *problem) MUST_USE;

void numbering_free(struct numbering *numbering);

#endif
