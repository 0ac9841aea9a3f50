/*
 * answers.h: the answers of one round: the connections that the last step handles, and their
 * replies, collected while reading and sent after the commit.
 */
#ifndef TCPACK_SERVER_ROUND_ANSWERS_H
#define TCPACK_SERVER_ROUND_ANSWERS_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "server/connection/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer {
    struct connection *connection;
    size_t begin;    /* of its replies in answers.replies */
    size_t size;     /* bytes of its replies */
    size_t messages; /* its messages in the batch, and its commands: see answers_take_back() */
};

/* A zeroed struct has none. Its owner calls answers_free(). */
struct answers {
    struct buffer text;    /* one reply before it is framed */
    struct buffer replies; /* of all connections, one after the other */
    struct answer *all;
    size_t count;
    size_t capacity;
};

/*
 * Appends the reply to a message from `connection`: record number `seq`, `time` of the record.
 * Appends nothing if the connection gets no replies. False with errno ENOMEM.
 */
bool answers_reply(struct answers *answers, const struct connection *connection,
                   const struct frame *frame, uint64_t seq, const char *time) MUST_USE;

/*
 * Adds an answer, whose replies are the last in `replies`. To one of the same connection just
 * before it, it is joined, which cannot fail. False with errno ENOMEM.
 */
bool answers_add(struct answers *answers, struct answer answer) MUST_USE;

/*
 * Drops all replies, because the batch was not recorded: also those to health checks, which ask
 * whether messages are recorded. Refuses the connections with messages in the batch, and those with
 * commands of the framing, whose clients would wait for the response.
 */
void answers_take_back(struct answers *answers);

/* Empties the answers after a round, and frees what is large. */
void answers_clear(struct answers *answers);

void answers_free(struct answers *answers);

#endif
