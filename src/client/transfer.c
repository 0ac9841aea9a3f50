#include "client/transfer.h"

#include "client/signals.h"
#include "common/clock.h"
#include "common/escape.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

/* Moves the cursor to an empty line, for a log line. */
static void start_log_line(struct transfer *transfer)
{
    progress_hide(&transfer->progress);
    if (transfer->prompting && write(STDERR_FILENO, "\n", 1) < 0) {
        /* Then the prompt is not visible either. */
    }
    transfer->prompting = false;
}

static enum outcome failed(struct transfer *transfer, const char *what)
{
    int saved = errno;

    start_log_line(transfer);
    errno = saved;
    log_error("%s: %s", what, strerror(errno));
    return OUTCOME_FAILED;
}

/* Called by the exchange: turns an acknowledgement into a line of output. */
static bool take_acknowledgement(void *context, const struct acknowledgement *acknowledgement)
{
    struct transfer *transfer = context;

    numbering_acknowledged(&transfer->numbering, transfer->settings.framing, acknowledgement);
    return output_format_append(transfer->settings.format, acknowledgement,
                                &transfer->output.pending);
}

void transfer_init(struct transfer *transfer, const struct transfer_settings *settings)
{
    const struct exchange_settings exchange_settings = {
        .framing = settings->framing,
        .window = settings->window,
        .window_bytes = settings->window_bytes,
        .timeout_us = settings->target.timeout_us,
        .resend = settings->resend,
        .acknowledged = take_acknowledgement,
        .context = transfer,
    };

    *transfer = (struct transfer){.settings = *settings, .input = -1, .next_line = settings->from};
    transfer->lines.nul = settings->nul;
    transfer->lines.whole = settings->position != NULL;
    transfer->numbering.id = settings->id;
    transfer->numbering.first = settings->number;
    transfer->numbering.position = settings->position;
    output_init(&transfer->output, STDOUT_FILENO);
    retry_init(&transfer->retry, &settings->target, settings->resend, settings->retries);
    transfer->totals.begin_us = clock_monotonic_us();
    exchange_init(&transfer->exchange, &exchange_settings, &transfer->totals);
}

void transfer_free(struct transfer *transfer)
{
    exchange_free(&transfer->exchange);
    output_free(&transfer->output);
    wait_set_free(&transfer->wait_set);
    lines_free(&transfer->lines);
    numbering_free(&transfer->numbering);
}

/* --------------------------------------------------------------------------------------- input */

static void end_input(struct transfer *transfer)
{
    struct lines *lines = &transfer->lines;

    lines_end(lines);
    if (lines->unended > 0) {
        start_log_line(transfer);
        log_warning("the input ends within a message, as if its program was killed: the %zu bytes "
                    "of that are not sent",
                    lines->unended);
    }
}

static enum outcome read_input(struct transfer *transfer)
{
    struct lines *lines = &transfer->lines;
    unsigned char *room = lines_room(lines, READ_SIZE);

    if (room == NULL) {
        start_log_line(transfer);
        log_error("cannot read line %" PRIu64 " of the input: out of memory", lines->taken + 1);
        return OUTCOME_FAILED;
    }
    ssize_t size = read(transfer->input, room, READ_SIZE);
    if (size < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
                   ? OUTCOME_DONE
                   : failed(transfer, "cannot read standard input");
    if (size == 0)
        end_input(transfer);
    lines_added(lines, (size_t)size);
    return OUTCOME_DONE;
}

/*
 * Returns what the framing cannot carry, or NULL. A carriage return at the end of a
 * line of the input belongs to the line ending. In any other message it is a part of the message,
 * but the server would take it for a part of the line ending.
 */
static const char *why_unsendable(const struct transfer *transfer, const unsigned char *text,
                                  size_t size)
{
    enum framing framing = transfer->settings.framing;
    bool is_line = transfer->input >= 0 && !transfer->lines.nul;
    bool ends_with_newline = framing == FRAMING_AUTO || framing == FRAMING_LINE;

    if (is_line && ends_with_newline)
        return NULL; /* without looking for a newline again */
    if (!framing_can_carry(framing, text, size))
        return size == 0 ? "an empty message" : framing == FRAMING_NUL ? "a NUL" : "a newline";
    if (ends_with_newline && size > 0 && text[size - 1] == '\r')
        return "a carriage return at its end";
    return NULL;
}

static enum outcome add_message(struct transfer *transfer, const void *text, size_t size,
                                int64_t now_us)
{
    struct numbering_message message = {text, size};
    const char *why = numbering_apply(&transfer->numbering, transfer->next_line, &message);

    if (why != NULL) {
        start_log_line(transfer);
        log_error("cannot send message %" PRIu64 ": %s", transfer->next_line, why);
        return OUTCOME_UNSENDABLE;
    }
    const char *what = why_unsendable(transfer, message.text, message.size);
    if (what != NULL) {
        start_log_line(transfer);
        log_error("cannot send message %" PRIu64 ": framing %s cannot carry %s (use -f %s)",
                  transfer->next_line, framing_names[transfer->settings.framing], what,
                  framing_names[FRAMING_OCTET]);
        return OUTCOME_UNSENDABLE;
    }
    if (!exchange_add(&transfer->exchange, transfer->next_line, now_us, now_us, message.text,
                      message.size))
        return failed(transfer, "cannot keep a message until it is acknowledged");
    transfer->next_line++;
    transfer->added++;
    return OUTCOME_DONE;
}

/* Takes lines until the window is full or no complete line is left. */
static enum outcome take_lines(struct transfer *transfer, int64_t now_us)
{
    const unsigned char *line;
    size_t size;

    while (transfer->input >= 0 && transfer->ending == OUTCOME_DONE &&
           exchange_has_room(&transfer->exchange) && lines_take(&transfer->lines, &line, &size)) {
        if (transfer->lines.taken < transfer->settings.from)
            continue;
        transfer->next_line = transfer->lines.taken;
        enum outcome outcome = add_message(transfer, line, size, now_us);
        if (outcome == OUTCOME_UNSENDABLE)
            transfer->ending = outcome; /* after the messages in flight */
        else if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return OUTCOME_DONE;
}

/*
 * Also true with a full window if all lines read are taken. Otherwise the end of the input would
 * not be known when the server closes the connection after its last reply.
 */
static bool wants_input(const struct transfer *transfer)
{
    return transfer->input >= 0 && transfer->ending == OUTCOME_DONE && !transfer->lines.ended &&
           (exchange_has_room(&transfer->exchange) || lines_are_taken(&transfer->lines));
}

static bool input_is_done(const struct transfer *transfer)
{
    return transfer->input < 0 || transfer->ending != OUTCOME_DONE ||
           (transfer->lines.ended && lines_are_done(&transfer->lines));
}

/* ------------------------------------------------------------------------------------ progress */

static struct progress_view view_of(const struct transfer *transfer)
{
    uint64_t read = transfer->lines.offset;
    uint64_t framed = window_bytes(&transfer->exchange.window); /* may exceed the lines' bytes */

    return (struct progress_view){
        .messages = transfer->added,
        .acknowledged = transfer->totals.acknowledged,
        .done = read > framed ? read - framed : 0,
        .total = transfer->input_size,
    };
}

static void start_progress(struct transfer *transfer, int fd)
{
    struct stat status;
    off_t position = lseek(fd, 0, SEEK_CUR);

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && position >= 0 &&
        position < status.st_size)
        transfer->input_size = (uint64_t)(status.st_size - position);
    progress_start(&transfer->progress, transfer->totals.begin_us);
}

/* ---------------------------------------------------------------------------------------- loop */

/* Whether standard output is too slow: then no replies are read. */
static bool is_stalled(const struct transfer *transfer)
{
    return output_pending(&transfer->output) >= OUTPUT_PENDING_MAX;
}

/*
 * Whether the loss of the connection matters. At the prompt it matters only after the reply is
 * shown: errors are logged after the reply.
 */
static bool needs_connection(const struct transfer *transfer)
{
    return transfer->exchange.window.count > 0 || !input_is_done(transfer) ||
           (transfer->interactive && output_pending(&transfer->output) == 0);
}

static bool watch(struct transfer *transfer)
{
    struct exchange *exchange = &transfer->exchange;
    struct wait_set *wait_set = &transfer->wait_set;

    if (transfer->input >= 0 &&
        !wait_set_watch(wait_set, transfer->input, wants_input(transfer), false))
        return false;
    if (exchange_connected(exchange) &&
        !wait_set_watch(wait_set, exchange->connection.fd,
                        needs_connection(transfer) && !is_stalled(transfer),
                        exchange_wants_to_send(exchange)))
        return false;
    return wait_set_watch(wait_set, transfer->output.fd, false,
                          output_pending(&transfer->output) > 0);
}

/* Names the oldest message, which the server refuses. */
static void log_refusal(const struct transfer *transfer)
{
    enum { SHOWN = 40 };
    const struct window *window = &transfer->exchange.window;
    struct buffer text = {0};
    struct frame frame;
    size_t size;
    const unsigned char *bytes = window_oldest(window, &size);

    if (framing_unwrap_message(window->framing, bytes, size, &frame) &&
        escape_text(frame.message, frame.size < SHOWN ? frame.size : SHOWN, &text) &&
        buffer_append(&text, "", 1))
        log_error("message %" PRIu64 " was refused three times in a row: the server closed the "
                  "connection instead of acknowledging its %zu bytes, which begin with '%s' "
                  "(the message may exceed max_message, or the disk may be full: see the server's "
                  "log)",
                  window->ring[window->first].line, frame.size, (const char *)text.bytes);
    buffer_free(&text);
}

/* With resend, run() reconnects once there is a message to send. */
static enum outcome lose_connection(struct transfer *transfer)
{
    struct exchange *exchange = &transfer->exchange;

    /* All replies may have arrived. If the connection is needed later, the error shows up again. */
    if (!needs_connection(transfer))
        return OUTCOME_DONE;
    wait_set_forget(&transfer->wait_set, exchange->connection.fd);
    start_log_line(transfer);
    enum outcome outcome = retry_after_loss(&transfer->retry, exchange);
    if (outcome == OUTCOME_REFUSED && !exchange->rejected)
        log_refusal(transfer);
    return outcome;
}

/* Receives replies and checks the time-outs. */
static enum outcome serve_exchange(struct transfer *transfer)
{
    struct exchange *exchange = &transfer->exchange;
    enum outcome outcome = OUTCOME_DONE;
    int64_t now_us = clock_monotonic_us();

    if (!exchange_connected(exchange))
        return OUTCOME_DONE;
    if (is_stalled(transfer))
        exchange_restart_timeout(exchange, now_us);
    else if (wait_set_can_read(&transfer->wait_set, exchange->connection.fd))
        outcome = exchange_receive(exchange, now_us);
    if (outcome == OUTCOME_DONE)
        outcome = exchange_tick(exchange, now_us);
    if (outcome == OUTCOME_FAILED)
        return failed(transfer, "cannot keep a reply");
    return outcome == OUTCOME_LOST ? lose_connection(transfer) : outcome;
}

static bool write_output(struct transfer *transfer)
{
    if (transfer->output.terminal)
        progress_hide(&transfer->progress); /* may be on the same terminal */
    return output_write(&transfer->output);
}

static bool save_position(struct transfer *transfer)
{
    struct problem problem;

    if (numbering_save(&transfer->numbering, &problem))
        return true;
    start_log_line(transfer);
    log_error("%s", problem.text);
    return false;
}

/* Waits once, then does what can be done without waiting. */
static enum outcome turn(struct transfer *transfer)
{
    int64_t due_us = is_stalled(transfer) ? WAIT_FOREVER : exchange_due(&transfer->exchange);

    if (progress_due(&transfer->progress) < due_us)
        due_us = progress_due(&transfer->progress);
    if (!watch(transfer))
        return failed(transfer, "cannot wait");
    switch (wait_set_wait(&transfer->wait_set, due_us)) {
    case WAIT_SIGNAL:
        return signals_interrupt() != 0 ? OUTCOME_INTERRUPTED : OUTCOME_DONE;
    case WAIT_FAILED:
        return failed(transfer, "cannot wait");
    case WAIT_READY:
    case WAIT_DUE:
        break;
    }
    struct progress_view view = view_of(transfer);
    progress_paint(&transfer->progress, &view, clock_monotonic_us());
    enum outcome outcome = OUTCOME_DONE;
    if (transfer->input >= 0 && wait_set_can_read(&transfer->wait_set, transfer->input))
        outcome = read_input(transfer);
    if (outcome == OUTCOME_DONE && needs_connection(transfer))
        outcome = serve_exchange(transfer);
    if (!save_position(transfer))
        return OUTCOME_FAILED;
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (wait_set_can_write(&transfer->wait_set, transfer->output.fd) && !write_output(transfer))
        return failed(transfer, "cannot write to standard output");
    return OUTCOME_DONE;
}

/* Reconnects after a loss. A failure is reported as the loss, whatever its reason. */
static enum outcome reconnect(struct transfer *transfer)
{
    enum outcome outcome = retry_connect(&transfer->retry, &transfer->exchange);

    if (outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_UNKNOWN_HOST)
        return OUTCOME_LOST;
    return outcome;
}

/* The loop: until the input has ended and every reply is written. */
static enum outcome run(struct transfer *transfer)
{
    struct exchange *exchange = &transfer->exchange;

    for (;;) {
        enum outcome outcome = take_lines(transfer, clock_monotonic_us());
        if (outcome != OUTCOME_DONE)
            return outcome;
        if (input_is_done(transfer) && exchange->window.count == 0 &&
            output_pending(&transfer->output) == 0)
            return transfer->ending;
        /* Write pending replies first: connecting may take long. */
        if (!exchange_connected(exchange) && exchange->window.count > 0 &&
            output_pending(&transfer->output) == 0) {
            outcome = reconnect(transfer);
            if (outcome != OUTCOME_DONE)
                return outcome;
        }
        if (exchange_connected(exchange))
            exchange_send(exchange, clock_monotonic_us());
        outcome = turn(transfer);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
}

enum outcome transfer_connect(struct transfer *transfer)
{
    return retry_connect(&transfer->retry, &transfer->exchange);
}

enum outcome transfer_message(struct transfer *transfer, const void *text, size_t size)
{
    enum outcome outcome = add_message(transfer, text, size, clock_monotonic_us());

    return outcome == OUTCOME_DONE ? run(transfer) : outcome;
}

enum outcome transfer_lines(struct transfer *transfer, int fd)
{
    transfer->input = fd;
    if (transfer->settings.progress)
        start_progress(transfer, fd);
    return run(transfer);
}

static enum outcome idle(struct transfer *transfer, int fd)
{
    struct exchange *exchange = &transfer->exchange;
    bool can_read = false;

    for (;;) {
        /* Also before the first wait: the connection may have broken right after the last reply. */
        enum outcome outcome = serve_exchange(transfer);
        if (outcome != OUTCOME_DONE)
            return outcome;
        if (!transfer->prompting) /* something was logged */
            return OUTCOME_INTERRUPTED;
        if (can_read)
            return OUTCOME_DONE;
        if (!wait_set_watch(&transfer->wait_set, fd, true, false) ||
            !wait_set_watch(&transfer->wait_set, transfer->output.fd, false, false) ||
            (exchange_connected(exchange) &&
             !wait_set_watch(&transfer->wait_set, exchange->connection.fd, true, false)))
            return failed(transfer, "cannot wait");
        switch (wait_set_wait(&transfer->wait_set, WAIT_FOREVER)) {
        case WAIT_SIGNAL:
            return OUTCOME_INTERRUPTED;
        case WAIT_FAILED:
            return failed(transfer, "cannot wait");
        case WAIT_READY:
        case WAIT_DUE:
            break;
        }
        can_read = wait_set_can_read(&transfer->wait_set, fd);
        wait_set_forget(&transfer->wait_set, fd); /* type-ahead must not end another wait */
    }
}

enum outcome transfer_idle(struct transfer *transfer, int fd)
{
    transfer->interactive = true;
    transfer->prompting = true;
    enum outcome outcome = idle(transfer, fd);
    transfer->prompting = false;
    return outcome;
}

/* ----------------------------------------------------------------------------------------- end */

enum outcome transfer_finish(struct transfer *transfer)
{
    struct output *output = &transfer->output;

    struct progress_view view = view_of(transfer);

    progress_end(&transfer->progress, &view, clock_monotonic_us());
    transfer->totals.sent =
        transfer->totals.acknowledged + window_count_sent(&transfer->exchange.window);
    while (output_pending(output) > 0) {
        int64_t due_us = signals_interrupt() != 0 ? 0 : WAIT_FOREVER;
        enum wait_result result = wait_for_one(output->fd, false, true, due_us);
        if (result == WAIT_FAILED)
            return failed(transfer, "cannot wait");
        if (result == WAIT_DUE) /* interrupted; the caller logs that */
            return OUTCOME_FAILED;
        if (result == WAIT_READY && !write_output(transfer))
            return failed(transfer, "cannot write to standard output");
    }
    exchange_finish(&transfer->exchange);
    return OUTCOME_DONE;
}

uint64_t transfer_resume_line(const struct transfer *transfer)
{
    const struct window *window = &transfer->exchange.window;

    return window->count > 0 ? window->ring[window->first].line : transfer->next_line;
}
