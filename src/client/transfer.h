/*
 * transfer.h: the loop of tcpack. It reads messages, sends them to the server and writes the
 * replies to standard output. It owns the parts that do this, and logs errors.
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
    size_t window; /* messages */
    size_t window_bytes;
    bool resend;      /* see retry.h */
    uint64_t retries; /* see retry.h */
    bool nul;         /* messages on standard input end with NUL, not LF */
    uint64_t from;    /* first line of the input to send, from 1 */
    enum output_format format;
    bool progress;        /* show a progress line in transfer_lines() */
    const char *id;       /* see numbering.h, as the next two */
    uint64_t number;      /* of the input's first message */
    const char *position; /* and then a last line of the input without an ending is not sent */
};

/* Other parts may read the fields; only these functions change them. */
struct transfer {
    struct transfer_settings settings;
    struct exchange exchange;
    struct retry retry;
    struct totals totals;
    struct output output;
    struct wait_set wait_set;
    int input;           /* descriptor; -1: messages are passed to transfer_message() */
    struct lines lines;  /* of the input */
    bool prompting;      /* the cursor is on the line with the prompt */
    bool interactive;    /* transfer_idle() was called: more messages may follow */
    uint64_t added;      /* messages taken from the input */
    uint64_t next_line;  /* line of the next message */
    uint64_t input_size; /* bytes, if the input is a file; 0: not known */
    struct progress progress;
    struct numbering numbering;
    enum outcome ending; /* outcome once all messages in flight are acknowledged */
};

/* The caller calls transfer_free() later. */
void transfer_init(struct transfer *transfer, const struct transfer_settings *settings);
void transfer_free(struct transfer *transfer);

/*
 * Each of these returns OUTCOME_DONE, or what ended it, which has been logged except for
 * OUTCOME_INTERRUPTED. After OUTCOME_UNSENDABLE the caller may go on; after any other outcome, only
 * transfer_finish() may be called.
 *
 * transfer_connect: connects. transfer_message: sends one message and waits for its
 * acknowledgement. transfer_lines: sends each line read from descriptor `fd`, until end of file,
 * and waits for all acknowledgements.
 */
enum outcome transfer_connect(struct transfer *transfer) MUST_USE;
enum outcome transfer_message(struct transfer *transfer, const void *text, size_t size) MUST_USE;
enum outcome transfer_lines(struct transfer *transfer, int fd) MUST_USE;

/*
 * Waits until descriptor `fd` is readable, and serves the idle connection meanwhile. Returns
 * OUTCOME_INTERRUPTED after any signal (signals.h), and after logging something, which makes the
 * cursor leave the line with the prompt: the caller shows the prompt again.
 */
enum outcome transfer_idle(struct transfer *transfer, int fd) MUST_USE;

/*
 * Writes the pending output, unless interrupted, and completes the totals. Returns OUTCOME_DONE or
 * OUTCOME_FAILED.
 */
enum outcome transfer_finish(struct transfer *transfer) MUST_USE;

/* The first line that is not acknowledged: the line to resume from. */
uint64_t transfer_resume_line(const struct transfer *transfer);

#endif
