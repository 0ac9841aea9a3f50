/*
 * outcome.h: how tcpack's work, or a part of it, ended. tcpack.c turns it into an exit status.
 */
#ifndef TCPACK_CLIENT_OUTCOME_H
#define TCPACK_CLIENT_OUTCOME_H

enum outcome {
    OUTCOME_DONE,         /* nothing went wrong */
    OUTCOME_UNSENDABLE,   /* a message that this framing cannot carry */
    OUTCOME_REFUSED,      /* a message that the server does not take, see retry.h */
    OUTCOME_UNKNOWN_HOST, /* the host has no address */
    OUTCOME_UNREACHABLE,  /* no address of it took the connection */
    OUTCOME_LOST,         /* the connection broke, was silent too long or made no sense */
    OUTCOME_INTERRUPTED,  /* INT, TERM or HUP */
    OUTCOME_FAILED,       /* input, output or memory */
};

#endif
