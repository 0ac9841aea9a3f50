#include "client/numbering.h"

#include "common/numbered.h"
#include "common/record.h"

#include <string.h>

static const char *put_number(struct numbering *numbering, uint64_t line,
                              struct numbering_message *message)
{
    struct buffer *out = &numbering->message;

    if (line - 1 > NUMBERED_MAX - numbering->first)
        return "its number is beyond 9223372036854775807";
    out->size = 0;
    if (!numbered_append(numbering->id, numbering->first + (line - 1), out) ||
        !buffer_append(out, message->text, message->size))
        return "it is too long for the available memory";
    message->text = out->bytes;
    message->size = out->size;
    return NULL;
}

const char *numbering_apply(struct numbering *numbering, uint64_t line,
                            struct numbering_message *message)
{
    struct numbered numbered;

    if (numbering->id != NULL)
        return put_number(numbering, line, message);
    if (numbering->position != NULL && !numbered_read(message->text, message->size, &numbered))
        return "it does not begin with NAME and number";
    return NULL;
}

/*
 * Notes the time of a record that tcpack-journal --id made the message of: it says whether numbers
 * began anew since. Where the next record is, is not known.
 */
static void note_time(const struct frame *frame, const struct numbered *numbered,
                      struct position *position)
{
    const size_t name = numbered->name_size + strlen(" ");
    struct record_line record;

    position->time[0] = '\0';
    if (record_head((const char *)frame->message + name, frame->size - name, &record) ==
        RECORD_OURS)
        memcpy(position->time, record.time, RECORD_TIME_LENGTH);
}

void numbering_acknowledged(struct numbering *numbering, enum framing framing,
                            const struct acknowledgement *acknowledgement)
{
    struct position *position = &numbering->acknowledged;
    struct frame frame;
    struct numbered numbered;

    if (numbering->position == NULL ||
        !framing_unwrap_message(framing, acknowledgement->message, acknowledgement->message_size,
                                &frame) ||
        !numbered_read(frame.message, frame.size, &numbered))
        return;
    memcpy(position->name, numbered.name, numbered.name_size);
    position->name[numbered.name_size] = '\0';
    position->number = numbered.number;
    note_time(&frame, &numbered, position);
    numbering->unsaved = true;
}

bool numbering_save(struct numbering *numbering, struct problem *problem)
{
    if (!numbering->unsaved)
        return true;
    numbering->unsaved = false;
    return position_save(numbering->position, &numbering->acknowledged, problem);
}

void numbering_free(struct numbering *numbering)
{
    buffer_free(&numbering->message);
}
