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

/* What is logged next begins on a line of its own, whatever is on the screen. */
static void make_room(struct transfer *transfer)
{
    progress_hide(&transfer->progress);
    if (transfer->prompting && write(STDERR_FILENO, "\n", 1) < 0) {
        /* A prompt that nobody sees. */
    }
    transfer->prompting = false;
}

static enum outcome failed(struct transfer *transfer, const char *what)
{
    int saved = errno;

    make_room(transfer);
    errno = saved;
    log_error("%s: %s", what, strerror(errno));
    return OUTCOME_FAILED;
}

/* For exchange.h: an acknowledgement becomes a line of output. */
static bool take_acknowledgement(void *context, const struct acknowledgement *acknowledgement)
{
    struct transfer *transfer = context;

    numbering_acknowledged(&transfer->numbering, transfer->settings.framing, acknowledgement);
    return output_format_append(transfer->settings.format, acknowledgement,
                                &transfer->output.pending);
}

bool transfer_init(struct transfer *transfer, const struct transfer_settings *settings)
{
    const struct exchange_settings exchange_settings = {
        .framing = settings->framing,
        .window = settings->window,
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
    if (exchange_init(&transfer->exchange, &exchange_settings, &transfer->totals))
        return true;
    (void)failed(transfer, "a window of that many messages");
    return false;
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
        make_room(transfer);
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
        make_room(transfer);
        log_error("line %" PRIu64 " of the input is too long for the memory there is",
                  lines->taken + 1);
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
 * What in the message the framing cannot carry; NULL: nothing. A carriage return at the end of a
 * line of the input belongs to its ending; elsewhere it is a part of the message, and the server
 * would take it for one of the ending.
 */
static const char *uncarried(const struct transfer *transfer, const unsigned char *text,
                             size_t size)
{
    enum framing framing = transfer->settings.framing;
    bool is_line = transfer->input >= 0 && !transfer->lines.nul;

    if (!framing_can_carry(framing, text, size))
        return framing == FRAMING_NUL ? "NUL in it" : "newline in it";
    if ((framing == FRAMING_AUTO || framing == FRAMING_LINE) && !is_line && size > 0 &&
        text[size - 1] == '\r')
        return "carriage return at its end";
    return NULL;
}

static enum outcome add_message(struct transfer *transfer, const void *text, size_t size,
                                int64_t now_us)
{
    struct numbering_message message = {text, size};
    const char *why = numbering_apply(&transfer->numbering, transfer->next_line, &message);

    if (why != NULL) {
        make_room(transfer);
        log_error("message %" PRIu64 " has %s", transfer->next_line, why);
        return OUTCOME_UNSENDABLE;
    }
    const char *what = uncarried(transfer, message.text, message.size);
    if (what != NULL) {
        make_room(transfer);
        log_error("message %" PRIu64 " has a %s, which framing %s cannot carry; framing %s can",
                  transfer->next_line, what, framing_names[transfer->settings.framing],
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

/* Takes lines until there is no more room or no more line. */
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
            transfer->ending = outcome; /* what is under way comes first */
        else if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return OUTCOME_DONE;
}

/*
 * Also without room, while all that was read is taken: the end of the input shall be known when the
 * server closes the connection behind its last reply.
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
    uint64_t framed = window_bytes(&transfer->exchange.window); /* perhaps longer than the lines */

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

/* Standard output takes no more for the moment, so no more replies are taken either. */
static bool is_stalled(const struct transfer *transfer)
{
    return output_pending(&transfer->output) >= OUTPUT_PENDING_MAX;
}

/*
 * Whether it matters what becomes of the connection: in a conversation only once the reply is
 * shown, so that what is said of the connection comes behind it.
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

/* Names the oldest message, which the server does not take. */
static void log_refusal(const struct transfer *transfer)
{
    enum { SHOWN = 40 };
    const struct window *window = &transfer->exchange.window;
    struct framing_state state = {0};
    struct buffer text = {0};
    struct frame frame;
    size_t size;
    const unsigned char *bytes = window_oldest(window, &size);

    if (framing_next(transfer->settings.framing, &state, bytes, size, true, size, &frame) ==
            FRAMING_MESSAGE &&
        escape_text(frame.message, frame.size < SHOWN ? frame.size : SHOWN, &text) &&
        buffer_append(&text, "", 1))
        log_error("message %" PRIu64 " was refused three times in a row: instead of acknowledging "
                  "its %zu bytes, which begin with '%s', the server closes the connection; perhaps "
                  "they are more than its max_message, or its disk is full: its log says which",
                  window->ring[window->first].line, frame.size, (const char *)text.bytes);
    buffer_free(&text);
}

/* With resend there will be another connection, once there is something to send. */
static enum outcome lose_connection(struct transfer *transfer)
{
    struct exchange *exchange = &transfer->exchange;

    /* What broke it may have been the last reply. If it matters again, it will be lost again. */
    if (!needs_connection(transfer))
        return OUTCOME_DONE;
    wait_set_forget(&transfer->wait_set, exchange->connection.fd);
    make_room(transfer);
    enum outcome outcome = retry_after_loss(&transfer->retry, exchange);
    if (outcome == OUTCOME_REFUSED)
        log_refusal(transfer);
    return outcome;
}

static enum outcome look_after_exchange(struct transfer *transfer)
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
        progress_hide(&transfer->progress); /* perhaps the same one */
    return output_write(&transfer->output);
}

static bool save_position(struct transfer *transfer)
{
    char problem[POSITION_PROBLEM_SIZE];

    if (numbering_save(&transfer->numbering, problem))
        return true;
    make_room(transfer);
    log_error("%s", problem);
    return false;
}

/* One turn: waits, then does what can be done without waiting. */
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
        outcome = look_after_exchange(transfer);
    if (!save_position(transfer))
        return OUTCOME_FAILED;
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (wait_set_can_write(&transfer->wait_set, transfer->output.fd) && !write_output(transfer))
        return failed(transfer, "cannot write to standard output");
    return OUTCOME_DONE;
}

/* There was a connection before: without another one, what counts is what is not acknowledged. */
static enum outcome reconnect(struct transfer *transfer)
{
    enum outcome outcome = retry_connect(&transfer->retry, &transfer->exchange);

    if (outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_UNKNOWN_HOST)
        return OUTCOME_LOST;
    return outcome;
}

/* Turns until all that the input gives is acknowledged and written. */
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
        /* Replies that are there come first: connecting may take long. */
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
        /* Before it waits, too: the last reply may have come with what broke the connection. */
        enum outcome outcome = look_after_exchange(transfer);
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
        wait_set_forget(&transfer->wait_set, fd); /* what is typed ahead ends no other wait */
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
        if (result == WAIT_DUE) /* interrupted, which is said */
            return OUTCOME_FAILED;
        if (result == WAIT_READY && !write_output(transfer))
            return failed(transfer, "cannot write to standard output");
    }
    return OUTCOME_DONE;
}

uint64_t transfer_resume_line(const struct transfer *transfer)
{
    const struct window *window = &transfer->exchange.window;

    return window->count > 0 ? window->ring[window->first].line : transfer->next_line;
}
