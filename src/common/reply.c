#include "common/reply.h"

#include "common/escape.h"

#include <stdlib.h>
#include <string.h>

enum field { FIELD_SEQ, FIELD_BYTES, FIELD_TIME };

static const char *const field_names[] = {"{seq}", "{bytes}", "{time}"};

/* A placeholder, and the literal bytes before it. */
struct part {
    size_t text_end; /* these bytes end here in reply->text */
    enum field field;
};

struct reply {
    unsigned char *text; /* the literal bytes of all parts, and those after the last */
    size_t text_size;
    struct part *parts;
    size_t parts_count;
};

/* Reads the placeholder that begins at `text`. Returns its length; 0 with the problem. */
static size_t compile_field(const char *text, enum field *field, struct problem *problem)
{
    for (size_t i = 0; i < sizeof field_names / sizeof field_names[0]; i++) {
        size_t size = strlen(field_names[i]);
        if (strncmp(text, field_names[i], size) == 0) {
            *field = (enum field)i;
            return size;
        }
    }
    problem_set(problem,
                "unknown placeholder: {seq}, {bytes} and {time} are known, a brace is \"{{\"");
    return 0;
}

/* Compiles the next part of `text` into *reply, which has room. Returns its length, or 0. */
static size_t compile_next(struct reply *reply, const char *text, struct problem *problem)
{
    unsigned char byte = (unsigned char)*text;
    size_t taken = 1;

    if (*text == '{' && text[1] != '{') {
        struct part *part = &reply->parts[reply->parts_count];
        taken = compile_field(text, &part->field, problem);
        part->text_end = reply->text_size;
        reply->parts_count += taken > 0;
        return taken;
    }
    if (*text == '\\') {
        size_t escape = escape_read(text + 1, &byte, problem);
        taken = escape == 0 ? 0 : 1 + escape;
    } else if (*text == '{') {
        taken = 2;
    }
    if (taken > 0)
        reply->text[reply->text_size++] = byte;
    return taken;
}

/* An empty reply with room for any template of `size` bytes. NULL: no memory. */
static struct reply *allocate(size_t size)
{
    struct reply *reply = calloc(1, sizeof *reply);

    if (reply == NULL)
        return NULL;
    reply->text = malloc(size + 1);
    reply->parts = calloc(size / strlen("{seq}") + 1, sizeof *reply->parts);
    if (reply->text == NULL || reply->parts == NULL) {
        reply_free(reply);
        return NULL;
    }
    return reply;
}

struct reply *reply_compile(const char *text, struct problem *problem)
{
    struct reply *reply = allocate(strlen(text));

    if (reply == NULL) {
        problem_set(problem, "not enough memory");
        return NULL;
    }
    while (*text != '\0') {
        size_t taken = compile_next(reply, text, problem);
        if (taken == 0) {
            reply_free(reply);
            return NULL;
        }
        text += taken;
    }
    return reply;
}

static bool append_field(struct buffer *out, enum field field, const struct reply_values *values)
{
    switch (field) {
    case FIELD_SEQ:
        return buffer_append_decimal(out, values->seq);
    case FIELD_BYTES:
        return buffer_append_decimal(out, values->bytes);
    case FIELD_TIME:
        break;
    }
    return buffer_append(out, values->time, values->time_size);
}

bool reply_fits(const struct reply *reply, enum framing framing)
{
    /* Numbers and times contain no byte that a framing forbids. */
    return framing_can_reply(framing, reply->text, reply->text_size) &&
           (reply->text_size > 0 || reply->parts_count > 0 || framing_can_carry(framing, "", 0));
}

const void *reply_constant(const struct reply *reply, size_t *size)
{
    *size = reply->text_size;
    return reply->parts_count == 0 ? reply->text : NULL;
}

bool reply_render(const struct reply *reply, const struct reply_values *values, struct buffer *out)
{
    size_t size_before = out->size;
    size_t at = 0;

    for (size_t i = 0; i < reply->parts_count; i++) {
        const struct part *part = &reply->parts[i];
        if (!buffer_append(out, reply->text + at, part->text_end - at) ||
            !append_field(out, part->field, values)) {
            out->size = size_before;
            return false;
        }
        at = part->text_end;
    }
    if (!buffer_append(out, reply->text + at, reply->text_size - at)) {
        out->size = size_before;
        return false;
    }
    return true;
}

void reply_free(struct reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->text);
    free(reply->parts);
    free(reply);
}
