/*
 * answers.h: the answers of one round: the connections that the last step looks at, and their
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
    size_t size;     /* bytes of them */
    size_t messages; /* of the batch that are this connection's */
};

/* A zeroed struct has none. Its owner calls answers_free(). */
struct answers {
    struct buffer text;    /* one reply before it is framed */
    struct buffer replies; /* of all, connection after connection */
    struct answer *all;
    size_t count;
    size_t capacity;
};

/*
 * Appends the reply to a message that `connection` sent: record number `seq`, `time` of the record.
 * Nothing if the connection is not to be answered. False with errno ENOMEM.
 */
bool answers_reply(struct answers *answers, const struct connection *connection,
                   const struct frame *frame, uint64_t seq, const char *time) MUST_USE;

/*
 * Adds an answer, whose replies are the last in `replies`. To one of the same connection just
 * before it, it is joined, which cannot fail. False with errno ENOMEM.
 */
bool answers_add(struct answers *answers, struct answer answer) MUST_USE;

/*
 * The batch is not recorded: nothing is sent, not to health checks either, which ask whether
 * messages are recorded; connections with messages in the batch are refused.
 */
void answers_take_back(struct answers *answers);

/* The round is over. A large buffer is given back. */
void answers_clear(struct answers *answers);

void answers_free(struct answers *answers);

#endif
