/* acknowledgement.h: what is known of a message once its reply is here. */
#ifndef TCPACK_CLIENT_ACKNOWLEDGEMENT_H
#define TCPACK_CLIENT_ACKNOWLEDGEMENT_H

#include <stddef.h>
#include <stdint.h>

struct acknowledgement {
    uint64_t line;      /* the message's */
    int64_t latency_us; /* from the message's start_us (window.h) until its reply was received */
    const unsigned char *reply;
    size_t size;
    const unsigned char *message; /* with its framing */
    size_t message_size;
};

#endif
