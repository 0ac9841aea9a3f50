/* form.h: a record as tcpack-journal prints it. Pure. */
#ifndef TCPACK_READER_FORM_H
#define TCPACK_READER_FORM_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/problem.h"
#include "common/record.h"
#include "common/template.h"

#include <stdbool.h>
#include <stddef.h>

enum form_kind {
    FORM_MESSAGE,  /* the message's bytes */
    FORM_JSON,     /* as a journal in JSON has it */
    FORM_LONG,     /* for people */
    FORM_TEMPLATE, /* --format */
    FORM_NUMBERED, /* --id: as a journal in text has it, with a name before it */
};

struct form {
    enum form_kind kind;
    char ending;  /* LF or NUL */
    bool escaped; /* messages as a terminal can show them */
    bool colour;  /* FORM_LONG */
    const char *id;
    struct text_template *template;
};

/* A record to print. */
struct form_entry {
    const struct record_line *record;
    const void *message; /* decoded */
    size_t size;
    const char *name; /* of the machine that shipped it; "": none did */
    size_t name_size;
};

/* The template of --format; template_free() it. NULL with the problem. */
struct text_template *form_compile(const char *text, struct problem *problem) MUST_USE;

/* Appends the record. False with errno ENOMEM, and `out` as it was. */
bool form_append(const struct form *form, const struct form_entry *entry,
                 struct buffer *out) MUST_USE;

#endif
