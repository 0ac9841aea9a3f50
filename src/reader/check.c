#include "reader/check.h"

#include "common/log.h"
#include "reader/output.h"
#include "reader/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool fail(const char *what, const char *name)
{
    log_error("cannot %s %s: %s", what, name, strerror(errno));
    return false;
}

/* Writes what was found so far when it is enough, or the end. */
static bool flush(struct check *check, size_t enough)
{
    if (check->output.size < enough || check->output.size == 0)
        return true;
    if (check->quiet) {
        check->output.size = 0;
        return true;
    }
    progress_hide(&check->progress);
    return output_write(&check->output) || errno == EPIPE || fail("write to", "standard output");
}

/* Prints what was found in a line of the input, or with line NULL, at its end. */
static bool PRINTF_LIKE(4, 5) find(struct check *check, const struct input *input,
                                   const struct input_line *line, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* what does not fit is cut */
    va_end(args);
    check->findings++;
    return buffer_printf(&check->output, "%s:%" PRIu64 ": %s\n", input->name,
                         line != NULL ? line->number : input->lines + 1, text);
}

static bool check_seq(struct check *check, const struct input *input, const struct input_line *line,
                      uint64_t seq)
{
    uint64_t last = check->last_seq;

    check->last_seq = seq;
    if (last == 0) {
        check->first_seq = seq;
        return true;
    }
    if (seq > last + 1)
        return find(check, input, line,
                    "SEQ %" PRIu64 " after %" PRIu64 ": %" PRIu64
                    " records are missing, or their numbers were skipped after a crash",
                    seq, last, seq - last - 1);
    if (seq <= last)
        return find(check, input, line, "SEQ %" PRIu64 " after %" PRIu64 ": it should be %" PRIu64,
                    seq, last, last + 1);
    return true;
}

static bool check_time(struct check *check, const struct input *input,
                       const struct input_line *line, const char *time)
{
    bool back = memcmp(time, check->time, RECORD_TIME_LENGTH) < 0;
    bool noted = true;

    if (!record_time_exists(time))
        noted = find(check, input, line, "there is no time %.*s", RECORD_TIME_LENGTH, time);
    else if (back)
        noted = buffer_printf(&check->output,
                              "%s:%" PRIu64 ": note: its time is before that of the record before "
                              "it: the clock was set back, or one of them is damaged\n",
                              input->name, line->number);
    memcpy(check->time, time, RECORD_TIME_LENGTH);
    return noted;
}

/* Whether tcpackd would write the record just so. False with errno: it is none, or no memory. */
static bool is_as_written(struct check *check, const struct record_line *record,
                          const struct input_line *line, bool *same)
{
    enum journal_format format = line->bytes[0] == '{' ? JOURNAL_FORMAT_JSON : JOURNAL_FORMAT_TEXT;

    check->message.size = 0;
    check->again.size = 0;
    if (!record_message(record, &check->message) ||
        !record_write(format, record, check->message.bytes, check->message.size, &check->again))
        return false;
    *same = check->again.size == line->size + 1 &&
            memcmp(check->again.bytes, line->bytes, line->size) == 0;
    return true;
}

static bool check_line(struct check *check, const struct input *input,
                       const struct input_line *line)
{
    struct record_line record;
    struct sockaddr_storage address;
    bool same = false;

    if (!input_record(line, &record))
        return find(check, input, line, "not a record (%" PRIu64 " bytes)", line->length);
    check->records++;
    receipts_find(&check->receipts, record.seq);
    if (!check_seq(check, input, line, record.seq) || !check_time(check, input, line, record.time))
        return false;
    if (!peer_parse(record.peer, record.peer_size, &address) &&
        !find(check, input, line, "there is no such peer: %.*s", (int)record.peer_size,
              record.peer))
        return false;
    if (!is_as_written(check, &record, line, &same))
        return errno == EILSEQ && find(check, input, line,
                                       "its message is not as tcpackd writes "
                                       "one: it has an unknown escape");
    return same || find(check, input, line,
                        "its message is not as tcpackd writes one: a byte of it is damaged");
}

static bool check_rest(struct check *check, const struct input *input)
{
    uint64_t rest = input_rest(input);

    if (rest == 0 || input->held)
        return true;
    if (input_rest_is_foreign(input))
        return find(check, input, NULL, "not a record (%" PRIu64 " bytes)", rest);
    return find(check, input, NULL,
                "an unfinished line of %" PRIu64 " bytes: after a crash tcpackd cuts it when it "
                "starts",
                rest);
}

bool check_input(struct check *check, struct input *input)
{
    struct input_line line;
    enum input_result result;

    while ((result = input_next(input, &line)) == INPUT_LINE || result == INPUT_PAUSE) {
        if (result == INPUT_PAUSE) {
            input_wait(input);
            continue;
        }
        if (!check_line(check, input, &line))
            return fail("check", input->name);
        if (!flush(check, OUTPUT_FULL))
            return false;
        progress_show(&check->progress, input->offset);
    }
    if (result == INPUT_FAILED)
        return fail("read", input->name);
    if (result == INPUT_EMPTIED)
        return find(check, input, NULL, "the file was cut while it was read") &&
               flush(check, OUTPUT_FULL);
    return check_rest(check, input) || fail("check", input->name);
}

/* --------------------------------------------------------------------------------- receipts */

static bool add_receipt(struct check *check, const struct input *input,
                        const struct input_line *line)
{
    switch (receipts_add(&check->receipts, line->bytes, line->size, line->number)) {
    case RECEIPTS_ADDED:
        break;
    case RECEIPTS_WITHOUT_SEQ:
        return find(check, input, line,
                    "a receipt without seq: set reply in tcpack.ini to one that has {seq}");
    case RECEIPTS_MALFORMED:
        return find(check, input, line, "not a line that tcpack --json prints");
    case RECEIPTS_NO_MEMORY:
        errno = ENOMEM;
        return false;
    }
    return true;
}

bool check_receipts(struct check *check, const char *path)
{
    struct input input;
    struct input_line line;
    enum input_result result;

    if (!input_open(&input, path))
        return fail("open", path);
    check->receipts_path = input.name;
    while ((result = input_next(&input, &line)) == INPUT_LINE || result == INPUT_PAUSE) {
        if (result == INPUT_PAUSE) {
            input_wait(&input);
        } else if (!add_receipt(check, &input, &line)) {
            result = INPUT_FAILED;
            break;
        }
    }
    bool whole = result == INPUT_END || fail("read", path);
    if (whole && input_rest(&input) > 0)
        whole = find(check, &input, NULL,
                     "an unfinished line of %" PRIu64 " bytes: what it says is not checked",
                     input_rest(&input)) ||
                fail("check", path);
    input_close(&input);
    receipts_sort(&check->receipts);
    return whole;
}

static bool find_missing(struct check *check)
{
    for (size_t at = 0; at < check->receipts.count; at++) {
        const struct receipt *receipt = &check->receipts.all[at];
        if (receipt->found)
            continue;
        check->findings++;
        if (!buffer_printf(&check->output,
                           "%s:%" PRIu64 ": SEQ %" PRIu64
                           " was acknowledged, and there is no such record\n",
                           check->receipts_path, receipt->line, receipt->seq) ||
            !flush(check, OUTPUT_FULL))
            return false;
    }
    return true;
}

bool check_end(struct check *check)
{
    if (!find_missing(check))
        return false;
    bool summed = buffer_printf(&check->output, "%" PRIu64 " records", check->records);
    if (summed && check->records > 0)
        summed = buffer_printf(&check->output, ", SEQ %" PRIu64 " to %" PRIu64, check->first_seq,
                               check->last_seq);
    if (summed && check->receipts_path != NULL)
        summed = buffer_printf(&check->output, ", %zu receipts", check->receipts.count);
    summed = summed && buffer_printf(&check->output, ", %" PRIu64 " findings\n", check->findings);
    if (!summed)
        return fail("print", "the summary");
    return flush(check, 0);
}

void check_free(struct check *check)
{
    receipts_free(&check->receipts);
    buffer_free(&check->message);
    buffer_free(&check->again);
    buffer_free(&check->output);
}
