#include "client/relp_session.h"

#include "client/signals.h"
#include "client/wait_set.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/framing/framing.h"
#include "common/framing/relp_offers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ANSWER_MAX = 4096, /* bytes: a response to open is some hundred */
    CLOSE_US = 1000 * 1000,
};

#define OFFERS "relp_version=0\nrelp_software=tcpack," PACKAGE_VERSION "\ncommands=syslog"

/* The response and the bytes received so far. */
struct answer {
    unsigned char bytes[ANSWER_MAX];
    size_t size;
    struct frame frame; /* once it is whole */
};

static enum outcome fail(struct problem *problem, const char *why)
{
    problem_set(problem, "%s", why);
    return OUTCOME_UNREACHABLE;
}

/* Waits until `fd` can be read. */
static enum outcome await(int fd, int64_t due_us, struct problem *problem)
{
    for (;;) {
        switch (wait_for_one(fd, true, false, due_us)) {
        case WAIT_READY:
            return OUTCOME_DONE;
        case WAIT_DUE:
            return fail(problem, "no response in time (does the server have framing = relp?)");
        case WAIT_SIGNAL:
            if (signals_interrupt() != 0)
                return OUTCOME_INTERRUPTED;
            continue;
        case WAIT_FAILED:
            return fail(problem, strerror(errno));
        }
    }
}

/* Looks for a complete response in the received bytes. OUTCOME_LOST: it is not complete yet. */
static enum outcome look(struct answer *answer, struct problem *problem)
{
    struct framing_state state = {0};

    switch (framing_next_reply(FRAMING_RELP, &state, answer->bytes, answer->size, ANSWER_MAX,
                               &answer->frame)) {
    case FRAMING_MESSAGE:
        return OUTCOME_DONE;
    case FRAMING_UNFINISHED:
        if (answer->size < ANSWER_MAX)
            return OUTCOME_LOST;
        break;
    case FRAMING_CONTROL:
        return fail(problem, "it closed the session");
    case FRAMING_TOO_LONG:
    case FRAMING_MALFORMED:
        break;
    }
    return fail(problem, "its response is not RELP (does the server have framing = relp?)");
}

static enum outcome receive(int fd, int64_t due_us, struct answer *answer, struct problem *problem)
{
    enum outcome outcome = OUTCOME_LOST;

    while (outcome == OUTCOME_LOST) {
        outcome = await(fd, due_us, problem);
        if (outcome != OUTCOME_DONE)
            return outcome;
        ssize_t size = recv(fd, answer->bytes + answer->size, ANSWER_MAX - answer->size, 0);
        if (size == 0)
            return fail(problem, "it closed the connection");
        if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return fail(problem, strerror(errno));
        if (size > 0)
            answer->size += (size_t)size;
        outcome = look(answer, problem);
    }
    return outcome;
}

enum outcome relp_session_open(int fd, int64_t due_us, struct problem *problem)
{
    char command[sizeof OFFERS + 32];
    struct answer answer = {.size = 0};

    int size = snprintf(command, sizeof command, "1 open %zu %s\n", strlen(OFFERS), OFFERS);
    ssize_t sent = send(fd, command, (size_t)size, MSG_NOSIGNAL);
    if (sent != size) /* a new connection's send buffer has room for all of it */
        return fail(problem, sent < 0 ? strerror(errno) : "not all of it could be sent");
    enum outcome outcome = receive(fd, due_us, &answer, problem);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (answer.frame.ending != 1)
        return fail(problem, "its response has the wrong transaction number");
    return relp_offers_accept(answer.frame.message, answer.frame.size, problem)
               ? OUTCOME_DONE
               : OUTCOME_UNREACHABLE;
}

void relp_session_close(int fd, uint64_t transaction)
{
    struct problem problem;
    char command[32];
    struct answer answer = {.size = 0};

    int size = snprintf(command, sizeof command, "%" PRIu64 " close 0\n", transaction);
    if (send(fd, command, (size_t)size, MSG_NOSIGNAL) != size)
        return;
    if (receive(fd, clock_monotonic_us() + CLOSE_US, &answer, &problem) != OUTCOME_DONE) {
        /* All messages are acknowledged: the connection may be closed without it. */
    }
}
