/*
 * outcome.h: how tcpack, or a part of its work, ended. tcpack.c turns it into an exit status.
 */
#ifndef TCPACK_CLIENT_OUTCOME_H
#define TCPACK_CLIENT_OUTCOME_H

enum outcome {
    OUTCOME_DONE,         /* success */
    OUTCOME_UNSENDABLE,   /* the framing cannot carry a message */
    OUTCOME_REFUSED,      /* the server refuses a message, see retry.h */
    OUTCOME_UNKNOWN_HOST, /* the host has no address */
    OUTCOME_UNREACHABLE,  /* no address of the host accepted the connection */
    OUTCOME_LOST,         /* the connection broke or timed out, or the replies are wrong */
    OUTCOME_INTERRUPTED,  /* INT, TERM or HUP */
    OUTCOME_FAILED,       /* input, output or memory failed */
};

#endif
