/*
 * remote.h: the server that tcpack talks to, with all the connections to it that a history has. It
 * records messages, numbers its replies, and sends them in pieces, after a while. Some servers keep
 * to the protocol; others send replies twice or too early, or reply to each piece that they receive
 * without an ending.
 */
#ifndef TCPACK_SIMULATION_REMOTE_H
#define TCPACK_SIMULATION_REMOTE_H

#include "chance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REMOTE_CONNECTIONS_MAX = 4096 };

enum remote_kind {
    REMOTE_HONEST,
    REMOTE_BARE,    /* replies to each recv(), without an ending (framing auto) */
    REMOTE_DOUBLES, /* sends some replies twice */
    REMOTE_EARLY,   /* sends some replies before their message is whole */
};

struct remote {
    enum remote_kind kind;
    bool mortal;   /* each connection ends after some bytes */
    bool refuses;  /* nothing listens */
    bool hangs;    /* connect() does not come to an end */
    bool is_self;  /* nothing listens, and connect() meets its own socket */
    bool stalled;  /* it neither reads nor replies */
    bool ends_now; /* the end of the history: it behaves */
    bool whole;    /* replies are not sent in pieces */
    int64_t think; /* microseconds before it acts, at most */

    size_t connections; /* that were established, */
    size_t barren;      /* of these, lost without a reply that was received */
    size_t refusals;    /* connections that the server ended in a row, all but the first barren */
    size_t records;     /* messages recorded, again and again */
    size_t recorded;    /* different ones: the first so many of the task's */
    bool disturbed;     /* something went wrong that tcpack may complain about */
};

extern struct remote remote;

void remote_begin(struct chance *chance, uint64_t seed);

/* Whether each reply is to what was recorded before. */
bool remote_is_true(void);

/* Does what is due. When the next of it is due; INT64_MAX: nothing is. */
void remote_act(void);
int64_t remote_due(void);

/* The last connection ends: with RST or with FIN, or `part` of what it still has to send first. */
void remote_loses(bool reset, unsigned part);

void remote_stall(bool stalled);

/* Stops and starts to take bytes. */
void remote_read(bool reads);

/* From now on it behaves. */
void remote_ends(void);

/* The message that reply number `serial` is for, 0: none; and replies that were made. */
size_t remote_reply_message(size_t serial);
size_t remote_replies(void);

/* The connection that the reply was sent over; whole messages that tcpack sent over that one. */
size_t remote_reply_connection(size_t serial);
size_t remote_sent_messages(size_t connection);

#endif
