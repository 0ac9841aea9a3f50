#include "common/reply.h"

#include "common/template.h"

#include <stdlib.h>

enum field { FIELD_SEQ, FIELD_BYTES, FIELD_TIME };

static const char *const field_names[] = {"{seq}", "{bytes}", "{time}", NULL};

static const struct template_names names = {
    .names = field_names,
    .known = "{seq}, {bytes} and {time} are known, a brace is \"{{\"",
};

struct reply {
    struct text_template *template;
};

struct reply *reply_compile(const char *text, struct problem *problem)
{
    struct reply *reply = calloc(1, sizeof *reply);

    if (reply == NULL) {
        problem_set(problem, "not enough memory");
        return NULL;
    }
    reply->template = template_compile(text, &names, problem);
    if (reply->template != NULL)
        return reply;
    reply_free(reply);
    return NULL;
}

bool reply_fits(const struct reply *reply, enum framing framing)
{
    size_t size;
    const void *text = template_text(reply->template, &size);

    /* Numbers and times have no byte that a framing forbids, and are not empty. */
    return framing_can_reply(framing, text, size) &&
           (size > 0 || template_has_names(reply->template) || framing_can_carry(framing, "", 0));
}

static bool put_field(const void *context, size_t field, struct buffer *out)
{
    const struct reply_values *values = context;

    switch ((enum field)field) {
    case FIELD_SEQ:
        return buffer_append_decimal(out, values->seq);
    case FIELD_BYTES:
        return buffer_append_decimal(out, values->bytes);
    case FIELD_TIME:
        break;
    }
    return buffer_append(out, values->time, values->time_size);
}

const void *reply_constant(const struct reply *reply, size_t *size)
{
    const void *text = template_text(reply->template, size);

    return template_has_names(reply->template) ? NULL : text;
}

bool reply_render(const struct reply *reply, const struct reply_values *values, struct buffer *out)
{
    return template_render(reply->template, put_field, values, out);
}

void reply_free(struct reply *reply)
{
    if (reply == NULL)
        return;
    template_free(reply->template);
    free(reply);
}
