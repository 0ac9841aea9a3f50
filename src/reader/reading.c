#include "reader/reading.h"

#include "common/log.h"
#include "reader/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* So many lines that are no records are reported of each file; --check lists all. */
enum { REPORTS_MAX = 10 };

static bool fail(const char *what, const char *name)
{
    log_error("cannot %s %s: %s", what, name, strerror(errno));
    return false;
}

void reading_begin(struct reading *reading, const struct input *input)
{
    reading->looked_up = false;
    reading->good_offset = input->offset;
    reading->good_lines = input->lines;
    reading->foreign = false;
    reading->last_of = 0;
    reading->reported_end = 0;
    reading->reports = 0;
}

/* ------------------------------------------------------------------------------------ reports */

static void report_more(const struct input *input)
{
    log_warning("%s: there are more lines that are damaged: see tcpack-journal --check",
                input->name);
}

/* A line that is no record. It is looked at again when more of the file is read: said once. */
static void report_foreign(struct reading *reading, const struct input *input,
                           const struct input_line *line)
{
    if (!reading->foreign)
        reading->foreign_offset = line->offset;
    reading->foreign = true;
    reading->found = true;
    if (line->offset < reading->reported_end)
        return;
    reading->reported_end = line->offset + 1;
    progress_hide(&reading->progress);
    if (reading->reports < REPORTS_MAX)
        log_warning("%s:%" PRIu64 ": not a record: left out (%" PRIu64 " bytes)", input->name,
                    line->number, line->length);
    else if (reading->reports == REPORTS_MAX)
        report_more(input);
    reading->reports++;
}

/*
 * A record whose message cannot be decoded. tcpackd keeps it when it starts: unlike a line that is
 * no record, it says nothing about what follows.
 */
static void report_damaged(struct reading *reading, const struct input *input,
                           const struct input_line *line)
{
    reading->found = true;
    progress_hide(&reading->progress);
    if (reading->reports < REPORTS_MAX)
        log_warning("%s:%" PRIu64 ": its message is damaged: left out (%" PRIu64 " bytes)",
                    input->name, line->number, line->length);
    else if (reading->reports == REPORTS_MAX)
        report_more(input);
    reading->reports++;
}

static void report_gap(struct reading *reading, const struct input *input, uint64_t seq)
{
    uint64_t first = reading->last.number + 1;

    reading->found = true;
    progress_hide(&reading->progress);
    log_warning("%s: records %" PRIu64 " to %" PRIu64
                " are missing: they are neither here nor in an uncompressed file beside it, unless "
                "these numbers were skipped after a crash",
                input->name, first, seq - 1);
}

static void report_restart(struct reading *reading, const struct input *input, uint64_t seq)
{
    reading->found = true;
    progress_hide(&reading->progress);
    log_warning("%s: SEQ goes on with %" PRIu64 " after %" PRIu64 ": these are new records",
                input->name, seq, reading->last.number);
}

static void report_changed(struct reading *reading, const struct numbered *numbered, uint64_t seq)
{
    reading->found = true;
    progress_hide(&reading->progress);
    log_warning("record %" PRIu64 " has another message as number %" PRIu64
                " of %.*s than one before: both are printed",
                seq, numbered->number, (int)numbered->name_size, numbered->name);
}

/* ------------------------------------------------------------------------------------ records */

/*
 * Whether the last record stands after the line that is read, as in a copy of what was read before:
 * then its numbers did not begin anew.
 */
static bool precedes_last(struct reading *reading, const struct input *input)
{
    const struct position *last = &reading->last;
    struct files_record record;

    if (!reading->looked_up) {
        bool found = input->regular &&
                     files_look_up(input->fd, input->committed, last->number, &record) &&
                     memcmp(record.time, last->time, RECORD_TIME_LENGTH) == 0;
        reading->read_before = found ? record.end : 0;
        reading->looked_up = true;
    }
    return input->offset <= reading->read_before;
}

/*
 * Whether the record was dealt with before: its SEQ is not higher, nor is its time later, than that
 * of the last one. If only the time is later, the clock was set back between them, or the numbers
 * began anew.
 */
static bool was_read(struct reading *reading, const struct input *input,
                     const struct record_line *record)
{
    const struct position *last = &reading->last;

    if (!reading->resumes || last->number == 0)
        return false;
    if (record->seq > last->number) {
        if (record->seq > last->number + 1)
            report_gap(reading, input, record->seq);
        return false;
    }
    if (last->time[0] == '\0' || memcmp(record->time, last->time, RECORD_TIME_LENGTH) <= 0 ||
        precedes_last(reading, input))
        return true;
    report_restart(reading, input, record->seq);
    return false;
}

/* Notes where the reading is: after this record. */
static void note_record(struct reading *reading, const struct input *input,
                        const struct record_line *record)
{
    reading->last.number = record->seq;
    memcpy(reading->last.time, record->time, RECORD_TIME_LENGTH);
    reading->good_offset = input->offset;
    reading->good_lines = input->lines;
    reading->foreign = false;
    reading->unsaved = true;
}

/* Whether a message, which is numbered, was printed before. False too: *failed. */
static bool was_seen(struct reading *reading, uint64_t seq, bool *failed)
{
    struct numbered numbered;

    if (!numbered_read(reading->message.bytes, reading->message.size, &numbered))
        return false;
    switch (once_see(&reading->seen, &numbered, reading->message.bytes, reading->message.size)) {
    case ONCE_REPEAT:
        return true;
    case ONCE_CHANGED:
        report_changed(reading, &numbered, seq);
        break;
    case ONCE_FAILED:
        *failed = true;
        break;
    case ONCE_NEW:
        break;
    }
    return false;
}

/*
 * Takes the record that --id made out of the message: NAME, and the line of a journal in text.
 * False: there is none, or there is no memory for it.
 */
static bool take_shipped(struct reading *reading, struct record_line *record,
                         struct form_entry *entry)
{
    struct numbered numbered;
    const char *message = entry->message;

    if (!numbered_read(message, entry->size, &numbered))
        return false;
    size_t name = numbered.name_size + 1;
    reading->original.size = 0;
    if (!record_read(message + name, entry->size - name, record) ||
        !record_message(record, &reading->original))
        return false;
    entry->name = numbered.name;
    entry->name_size = numbered.name_size;
    entry->message = reading->original.bytes;
    entry->size = reading->original.size;
    return true;
}

/* Prints a record, unless it is left out. False: no memory, or it is no record, as errno says. */
static bool print_record(struct reading *reading, struct record_line *record)
{
    bool failed = false;
    struct record_line shipped;

    if (!reading->shipped && !filter_has(reading->filter, record))
        return true;
    reading->message.size = 0;
    if (!record_message(record, &reading->message))
        return false;
    if (reading->once && was_seen(reading, record->seq, &failed))
        return true;
    struct form_entry entry = {
        .record = record,
        .message = reading->message.bytes,
        .size = reading->message.size,
        .name = "",
    };
    if (reading->shipped) {
        if (take_shipped(reading, &shipped, &entry))
            entry.record = &shipped;
        if (!filter_has(reading->filter, entry.record))
            return true;
    }
    errno = failed ? ENOMEM : errno;
    return !failed && form_append(&reading->form, &entry, &reading->output);
}

/*
 * After something that is no record, in a file that no tcpackd has open: whether what follows can
 * be of its last commit. The next start of tcpackd cuts that back then.
 */
static bool may_be_cut(struct reading *reading, const struct input *input,
                       const struct record_line *record, bool *cut)
{
    *cut = false;
    if (!reading->foreign || input->held || !input->regular)
        return true;
    if (reading->last_of != input->committed) { /* once for each look, not for each record */
        if (!files_last(input->fd, input->committed, &reading->last_record))
            return false;
        reading->last_of = input->committed;
    }
    *cut = memcmp(reading->last_record.time, record->time, RECORD_TIME_LENGTH) == 0;
    return true;
}

enum step { STEP_ON, STEP_CUT, STEP_FAILED };

static enum step take_line(struct reading *reading, struct input *input,
                           const struct input_line *line)
{
    struct record_line record;
    bool cut;

    if (!input_record(line, &record)) {
        report_foreign(reading, input, line);
        return STEP_ON;
    }
    if (!may_be_cut(reading, input, &record, &cut)) {
        (void)fail("read", input->name);
        return STEP_FAILED;
    }
    if (cut)
        return STEP_CUT;
    if (was_read(reading, input, &record)) {
        reading->good_offset = input->offset;
        reading->good_lines = input->lines;
        reading->foreign = false;
        return STEP_ON;
    }
    bool printed = print_record(reading, &record);
    if (!printed && errno != EILSEQ) {
        log_error("cannot print record %" PRIu64 " of %s: %s", record.seq, input->name,
                  strerror(errno));
        return STEP_FAILED;
    }
    if (!printed)
        report_damaged(reading, input, line);
    note_record(reading, input, &record);
    return STEP_ON;
}

/* The file got shorter. What follows its last record may have been cut back by tcpackd. */
static enum reading_result after_cut(struct reading *reading, struct input *input)
{
    if (reading->good_offset > input->committed)
        return READING_EMPTIED;
    input_seek(input, reading->good_offset, reading->good_lines);
    return READING_END;
}

/* After a failure, which was logged: what was printed before is written. */
static enum reading_result give_up(struct reading *reading, const struct input *input)
{
    if (!reading_flush(reading, input)) {
        /* That was logged, too. */
    }
    errno = EIO;
    return READING_FAILED;
}

enum reading_result reading_go_on(struct reading *reading, struct input *input)
{
    struct input_line line;
    enum input_result result;

    while ((result = input_next(input, &line)) == INPUT_LINE) {
        enum step step = take_line(reading, input, &line);
        if (step == STEP_FAILED)
            return give_up(reading, input);
        if (step == STEP_CUT) {
            input_seek(input, line.offset, line.number - 1);
            return READING_END;
        }
        if (reading->output.size >= OUTPUT_FULL && !reading_flush(reading, input))
            return READING_FAILED;
        progress_show(&reading->progress, input->offset);
    }
    switch (result) {
    case INPUT_PAUSE:
        return READING_PAUSE;
    case INPUT_EMPTIED:
        return after_cut(reading, input);
    case INPUT_FAILED:
        (void)fail("read", input->name);
        return give_up(reading, input);
    case INPUT_LINE:
    case INPUT_END:
        break;
    }
    return READING_END;
}

void reading_end(struct reading *reading, const struct input *input)
{
    uint64_t size = input->regular ? input->committed : input->offset + input_rest(input);
    uint64_t left = size - input->offset;

    if (left == 0 || input->held)
        return;
    reading->found = true;
    progress_hide(&reading->progress);
    if (input_rest_is_foreign(input)) {
        log_warning("%s:%" PRIu64 ": not a record: left out (%" PRIu64 " bytes)", input->name,
                    input->lines + 1, left);
        return;
    }
    log_warning("%s: its last %" PRIu64 " bytes are left out: %s", input->name, left,
                reading->foreign ? "what is no record may belong to them, and then tcpackd cuts "
                                   "them when it starts"
                                 : "an unfinished record, which was never acknowledged");
}

/* ------------------------------------------------------------------------------------- output */

static bool save_position(struct reading *reading, const struct input *input)
{
    struct problem problem;

    reading->last.inode = (uint64_t)input->inode;
    reading->last.offset = reading->good_offset;
    reading->last.line = reading->good_lines;
    reading->unsaved = !position_save(reading->position_path, &reading->last, &problem);
    if (reading->unsaved)
        log_error("%s", problem.text);
    return !reading->unsaved;
}

bool reading_flush(struct reading *reading, const struct input *input)
{
    if (reading->output.size > 0) {
        progress_hide(&reading->progress);
        if (!output_write(&reading->output)) {
            if (errno != EPIPE) /* it wants no more: no error */
                (void)fail("write to", "standard output");
            return false;
        }
    }
    return reading->position_path == NULL || !reading->unsaved || save_position(reading, input);
}

void reading_free(struct reading *reading)
{
    once_free(&reading->seen);
    buffer_free(&reading->output);
    buffer_free(&reading->message);
    buffer_free(&reading->original);
}
