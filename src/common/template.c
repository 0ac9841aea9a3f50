#include "common/template.h"

#include "common/escape.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 32 }; /* of an unknown placeholder */

/* A placeholder, and the bytes between the one before it and itself. */
struct part {
    size_t text_end; /* these bytes end here in template->text */
    size_t name;     /* which one it is */
};

struct text_template {
    unsigned char *text; /* text that stands for itself, of all parts and after the last */
    size_t text_size;
    struct part *parts;
    size_t parts_count;
};

/* Reads the placeholder that begins at `text`. Returns its length; 0 with the problem. */
static size_t compile_name(const char *text, const struct template_names *names, size_t *name,
                           struct problem *problem)
{
    for (size_t i = 0; names->names[i] != NULL; i++) {
        size_t size = strlen(names->names[i]);
        if (strncmp(text, names->names[i], size) == 0) {
            *name = i;
            return size;
        }
    }
    size_t size = strcspn(text, "}");
    size += text[size] == '}';
    problem_set(problem, "unknown placeholder %.*s: %s",
                size < SHOWN_BYTES ? (int)size : SHOWN_BYTES, text, names->known);
    return 0;
}

/* Compiles what `text` begins with into *template, whose room is enough. The bytes it takes, or 0.
 */
static size_t compile_next(struct text_template *template, const char *text,
                           const struct template_names *names, struct problem *problem)
{
    unsigned char byte = (unsigned char)*text;
    size_t taken = 1;

    if (*text == '{' && text[1] != '{') {
        struct part *part = &template->parts[template->parts_count];
        taken = compile_name(text, names, &part->name, problem);
        part->text_end = template->text_size;
        template->parts_count += taken > 0;
        return taken;
    }
    if (*text == '\\') {
        size_t escape = escape_read(text + 1, strlen(text + 1), &byte, problem);
        taken = escape == 0 ? 0 : 1 + escape;
    } else if (*text == '{') {
        taken = 2;
    }
    if (taken > 0)
        template->text[template->text_size++] = byte;
    return taken;
}

/* An empty template with room for whatever a template of `size` bytes can hold. NULL: no memory. */
static struct text_template *allocate(size_t size)
{
    struct text_template *template = calloc(1, sizeof *template);

    if (template == NULL)
        return NULL;
    template->text = malloc(size + 1);
    template->parts = calloc(size / strlen("{x}") + 1, sizeof *template->parts);
    if (template->text == NULL || template->parts == NULL) {
        template_free(template);
        return NULL;
    }
    return template;
}

struct text_template *template_compile(const char *text, const struct template_names *names,
                                       struct problem *problem)
{
    struct text_template *template = allocate(strlen(text));

    if (template == NULL) {
        problem_set(problem, "not enough memory");
        return NULL;
    }
    while (*text != '\0') {
        size_t taken = compile_next(template, text, names, problem);
        if (taken == 0) {
            template_free(template);
            return NULL;
        }
        text += taken;
    }
    return template;
}

const void *template_text(const struct text_template *template, size_t *size)
{
    *size = template->text_size;
    return template->text;
}

bool template_has_names(const struct text_template *template)
{
    return template->parts_count > 0;
}

bool template_render(const struct text_template *template, template_put *put, const void *values,
                     struct buffer *out)
{
    size_t size_before = out->size;
    size_t at = 0;

    for (size_t i = 0; i < template->parts_count; i++) {
        const struct part *part = &template->parts[i];
        if (!buffer_append(out, template->text + at, part->text_end - at) ||
            !put(values, part->name, out)) {
            out->size = size_before;
            return false;
        }
        at = part->text_end;
    }
    if (!buffer_append(out, template->text + at, template->text_size - at)) {
        out->size = size_before;
        return false;
    }
    return true;
}

void template_free(struct text_template *template)
{
    if (template == NULL)
        return;
    free(template->text);
    free(template->parts);
    free(template);
}
