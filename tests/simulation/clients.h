/*
 * clients.h: the peers of the server: what each sends, and what it makes of the replies. Each knows
 * its messages, so that the ledger can tell what must be recorded, and in which order.
 */
#ifndef TCPACK_SIMULATION_CLIENTS_H
#define TCPACK_SIMULATION_CLIENTS_H

#include "chance.h"
#include "configurations.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLIENT_MESSAGES = 800,
    CLIENT_FIRST_PORT = 20000,
    PROXY_FIRST_PORT = 50000,
    CLIENT_FIRST_LETTER = 'A', /* of the first peer's messages, if at the Unix socket */
};

enum ending { ENDING_LF, ENDING_CRLF, ENDING_NUL, ENDING_COUNT, ENDING_RELP, ENDING_NOTHING };

struct message {
    size_t begin; /* its bytes in the peer's stream */
    size_t end;
    size_t whole; /* once so much of the stream was sent, the message is whole */
    enum ending ending;
    bool recorded; /* it is in the journal: at */
    uint64_t seq;
    int inode;
    size_t record_begin;
    size_t record_end;
    bool taken;        /* the journal was deleted, and the record with it */
    bool acknowledged; /* the server has answered it, by the number above */
    size_t reply_end;  /* in the stream of replies */
};

struct client {
    bool used;
    unsigned life; /* of the server, in which it connected: process.number */
    size_t listener;
    enum simulated_framing framing;
    bool acknowledges; /* the listener does */
    bool is_unix;
    bool classroom; /* one message without an ending at a time, in framing auto */
    bool checker;   /* all its messages are health checks, which are answered and not recorded */
    bool denied;
    bool named_by_proxy; /* its records bear the address that the proxy says */
    bool misbehaves;     /* sent what the server has to refuse; nothing more of it is checked */
    size_t offered;      /* bytes of replies that send() was given while recording did not fail */
    bool refused;        /* the server told it so, and will close */
    int64_t last_sent;   /* when */
    bool ever_deaf;      /* did not read for a while */
    bool has_holes; /* any of its records may be gone: a power cut with sync = no, a deletion */
    size_t whole;   /* messages that are known to be sent as a whole */
    struct message messages[CLIENT_MESSAGES];
    size_t count;        /* of messages that are planned */
    size_t planned;      /* bytes of the stream that are planned */
    size_t recorded;     /* messages in the journal: the first ones */
    size_t acknowledged; /* messages that are answered: the first ones */
    size_t parsed;       /* bytes of replies that were looked at */
    struct chance chance;
};

/* By number, as network.h's peers. */
extern struct client clients[];

void clients_begin(void);

/* Connects; `seed` decides what it is like. */
void client_connect(int number, uint64_t seed);

/* Sends so many more bytes of its messages, or its next whole messages. */
void client_send(int number, size_t bytes);
void client_send_messages(int number, unsigned count);

/* Finishes sending, with an unfinished message or without. */
void client_finish(int number);

/* Sends what has to be refused. */
void client_misbehave(int number);

/* Starts and stops to read what comes. */
void client_read(int number, bool reads);

void client_send_urgent(int number);
void client_reset(int number);
void client_close(int number);

/* Whether recv() may return it less than there is: not where that makes a message of it. */
bool client_may_be_cut(int number);

/* Whether what it has sent is whole messages and it waits for nothing but their replies. */
bool client_listens(int number);

/* Messages that it has sent as a whole. */
size_t client_whole(int number);

/* Where in the stream of replies the last one to a message ends; a farewell may follow. */
size_t client_replies_end(int number);

/* send() is given more replies; there would be so many bytes of them. */
void clients_offered(int number, size_t size);

/* The server's kernel took replies to it. */
void clients_replied(int number);

/* The server closes its connection. */
void clients_closed(int number);

#endif
