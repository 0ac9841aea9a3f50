#include "reader/form.h"

#include "common/escape.h"

#include <inttypes.h>

enum name {
    NAME_SEQ,
    NAME_TIME,
    NAME_PEER,
    NAME_LISTENER,
    NAME_MESSAGE,
    NAME_TEXT,
    NAME_BYTES,
    NAME_NAME,
};

static const char *const names[] = {"{seq}",  "{time}",  "{peer}", "{listener}", "{message}",
                                    "{text}", "{bytes}", "{name}", NULL};

static const struct template_names template_names = {
    .names = names,
    .known = "{seq}, {time}, {peer}, {listener}, {message}, {text}, "
             "{bytes} and {name} are known, a brace is \"{{\"",
};

/* What a placeholder's value is taken from. */
struct values {
    const struct form *form;
    const struct form_entry *entry;
};

struct text_template *form_compile(const char *text, struct problem *problem)
{
    return template_compile(text, &template_names, problem);
}

static bool append_message(const struct form_entry *entry, bool escaped, struct buffer *out)
{
    return escaped ? escape_text(entry->message, entry->size, out)
                   : buffer_append(out, entry->message, entry->size);
}

static bool put_value(const void *context, size_t name, struct buffer *out)
{
    const struct values *values = context;
    const struct form_entry *entry = values->entry;
    const struct record_line *record = entry->record;

    switch ((enum name)name) {
    case NAME_SEQ:
        return buffer_append_decimal(out, record->seq);
    case NAME_TIME:
        return buffer_append(out, record->time, RECORD_TIME_LENGTH);
    case NAME_PEER:
        return buffer_append(out, record->peer, record->peer_size);
    case NAME_LISTENER:
        return buffer_append(out, record->listener, record->listener_size);
    case NAME_MESSAGE:
        return append_message(entry, values->form->escaped, out);
    case NAME_TEXT:
        return append_message(entry, true, out);
    case NAME_BYTES:
        return buffer_append_decimal(out, entry->size);
    case NAME_NAME:
        break;
    }
    return buffer_append(out, entry->name, entry->name_size);
}

/* The colours that journals of others have, too: what is not the message is less bright. */
static bool paint(const struct form *form, const char *colour, struct buffer *out)
{
    return !form->colour || buffer_append_text(out, colour);
}

/* Columns for SEQ and PEER: most fit, and so the messages stand below each other. */
enum { SEQ_WIDTH = 7, PEER_WIDTH = 21, DATE_LENGTH = 10, CLOCK_LENGTH = 15 };

static bool append_long(const struct form *form, const struct form_entry *entry, struct buffer *out)
{
    const struct record_line *record = entry->record;
    static const char blanks[PEER_WIDTH + 1] = "                     ";
    size_t pad = record->peer_size < PEER_WIDTH ? PEER_WIDTH - record->peer_size : 0;

    return paint(form, "\033[33m", out) &&
           buffer_printf(out, "%*" PRIu64 " ", SEQ_WIDTH, record->seq) &&
           paint(form, "\033[32m", out) && buffer_append(out, record->time, DATE_LENGTH) &&
           buffer_append_text(out, " ") &&
           buffer_append(out, record->time + DATE_LENGTH + 1, CLOCK_LENGTH) &&
           buffer_append_text(out, " ") && paint(form, "\033[36m", out) &&
           buffer_append(out, record->peer, record->peer_size) && buffer_append(out, blanks, pad) &&
           paint(form, "\033[0m", out) && buffer_append_text(out, " ") &&
           append_message(entry, true, out);
}

static bool append(const struct form *form, const struct form_entry *entry, struct buffer *out)
{
    const struct values values = {form, entry};

    switch (form->kind) {
    case FORM_JSON:
        return record_write(JOURNAL_FORMAT_JSON, entry->record, entry->message, entry->size, out);
    case FORM_NUMBERED:
        return buffer_append_text(out, form->id) && buffer_append(out, " ", 1) &&
               record_write(JOURNAL_FORMAT_TEXT, entry->record, entry->message, entry->size, out);
    case FORM_LONG:
        return append_long(form, entry, out) && buffer_append(out, "\n", 1);
    case FORM_TEMPLATE:
        return template_render(form->template, put_value, &values, out) &&
               buffer_append(out, "\n", 1);
    case FORM_MESSAGE:
        break;
    }
    return append_message(entry, form->escaped, out) && buffer_append(out, "\n", 1);
}

bool form_append(const struct form *form, const struct form_entry *entry, struct buffer *out)
{
    size_t before = out->size;
    bool appended = append(form, entry, out);

    if (appended)
        out->bytes[out->size - 1] = (unsigned char)form->ending;
    else
        out->size = before;
    return appended;
}
