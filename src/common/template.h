/*
 * template.h: a text with placeholders, compiled once and rendered many times: the server's replies
 * (reply.h) and what tcpack-journal prints. Pure.
 *
 * In a template `{name}` stands for a value; `{{` is a brace, and so is a `}` that ends no
 * placeholder; `\n`, `\r`, `\t`, `\\` and `\xHH` are bytes.
 */
#ifndef TCPACK_COMMON_TEMPLATE_H
#define TCPACK_COMMON_TEMPLATE_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>
#include <stddef.h>

struct text_template;

/* The placeholders that there are. Static texts. */
struct template_names {
    const char *const *names; /* with their braces, ended by NULL */
    const char *known;        /* says in the problem of any other one which these are */
};

/*
 * The compiled template, which the caller gives to template_free(). NULL with the problem, if it
 * is not a template or memory is short.
 */
struct text_template *template_compile(const char *text, const struct template_names *names,
                                       struct problem *problem) MUST_USE;

/* What stands for itself in it, without the placeholders, and its size. */
const void *template_text(const struct text_template *template, size_t *size) MUST_USE;

bool template_has_names(const struct text_template *template);

/* Appends the value of placeholder `name`, an index of the names. False with errno ENOMEM. */
typedef bool template_put(const void *values, size_t name, struct buffer *out);

/* Appends the text. False as `put`, and then `out` as it was. */
bool template_render(const struct text_template *template, template_put *put, const void *values,
                     struct buffer *out) MUST_USE;

/* NULL is allowed. */
void template_free(struct text_template *template);

#endif
