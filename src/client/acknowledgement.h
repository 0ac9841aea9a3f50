/* acknowledgement.h: a message's reply, with what tcpack knows of the message. */
#ifndef TCPACK_CLIENT_ACKNOWLEDGEMENT_H
#define TCPACK_CLIENT_ACKNOWLEDGEMENT_H

#include <stddef.h>
#include <stdint.h>

struct acknowledgement {
    uint64_t line;      /* the message's line in the input */
    uint64_t txnr;      /* relp: its transaction number; 0: the framing has none */
    int64_t latency_us; /* from the message's start_us (window.h) to the receipt of its reply */
    const unsigned char *reply;
    size_t size;
    const unsigned char *message; /* with its framing */
    size_t message_size;
};

#endif
