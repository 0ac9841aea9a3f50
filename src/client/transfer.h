/*
 * transfer.h: brings messages from where they come from to the server, and replies to standard
 * output: the loop of tcpack. It owns everything that is needed for that, and says on standard
 * error what goes wrong.
 */
#ifndef TCPACK_CLIENT_TRANSFER_H
#define TCPACK_CLIENT_TRANSFER_H

#include "client/exchange.h"
#include "client/lines.h"
#include "client/numbering.h"
#include "client/outcome.h"
#include "client/output.h"
#include "client/output_format.h"
#include "client/progress.h"
#include "client/retry.h"
#include "client/totals.h"
#include "client/wait_set.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct transfer_settings {
    struct connect_target target;
    enum framing framing;
    size_t window;    /* messages */
    bool resend;      /* see retry.h */
    uint64_t retries; /* see retry.h */
    bool nul;         /* messages on standard input end with NUL, not with LF */
    uint64_t from;    /* the first line of the input to send, from 1 */
    enum output_format format;
    bool progress;        /* show how far the lines of the input are */
    const char *id;       /* see numbering.h, as the next two */
    uint64_t number;      /* of the input's first message */
    const char *position; /* also: a last line of the input that nothing ends is not sent */
};

/* The fields may be read by anyone; only these functions change them. */
struct transfer {
    struct transfer_settings settings;
    struct exchange exchange;
    struct retry retry;
    struct totals totals;
    struct output output;
    struct wait_set wait_set;
    int input;           /* what is read; -1: nothing */
    struct lines lines;  /* of the input */
    bool prompting;      /* the screen's last line is the prompt and what was typed */
    bool interactive;    /* more messages may come, whatever the input says: transfer_idle() */
    uint64_t added;      /* messages taken from the input */
    uint64_t next_line;  /* behind the last message that was taken */
    uint64_t input_size; /* bytes, where the input is a file; 0: not known */
    struct progress progress;
    struct numbering numbering;
    enum outcome ending; /* how it will end once nothing is under way any more */
};

/* False: no memory, which was logged. Else the caller calls transfer_free(). */
bool transfer_init(struct transfer *transfer, const struct transfer_settings *settings) MUST_USE;
void transfer_free(struct transfer *transfer);

/*
 * Each of these returns OUTCOME_DONE, or what ended it, which was logged but for
 * OUTCOME_INTERRUPTED. After OUTCOME_UNSENDABLE the others may be called; after the rest, only
 * transfer_finish().
 *
 * transfer_connect: connects. transfer_message: sends one message and waits for its
 * acknowledgement. transfer_lines: sends each line that descriptor `fd` gives, to its end, and
 * waits for all acknowledgements.
 */
enum outcome transfer_connect(struct transfer *transfer) MUST_USE;
enum outcome transfer_message(struct transfer *transfer, const void *text, size_t size) MUST_USE;
enum outcome transfer_lines(struct transfer *transfer, int fd) MUST_USE;

/*
 * Waits until descriptor `fd` can be read, and looks after the idle connection meanwhile.
 * OUTCOME_INTERRUPTED stands for any signal (signals.h), and for something that was logged: on
 * lines of its own behind the prompt, which is to be shown again.
 */
enum outcome transfer_idle(struct transfer *transfer, int fd) MUST_USE;

/*
 * Writes what standard output has not taken yet, unless interrupted, and completes the totals.
 * OUTCOME_DONE or OUTCOME_FAILED.
 */
enum outcome transfer_finish(struct transfer *transfer) MUST_USE;

/* The line from which to resume: the first that is not acknowledged. */
uint64_t transfer_resume_line(const struct transfer *transfer);

#endif
