/*
 * line_editor.h: reads lines at a terminal: with libedit's editing and history where it was built
 * in and the terminal is able, else as the terminal itself edits them.
 */
#ifndef TCPACK_CLIENT_LINE_EDITOR_H
#define TCPACK_CLIENT_LINE_EDITOR_H

#include "client/outcome.h"
#include "common/compiler.h"

#include <stddef.h>

enum line_editor_result {
    LINE_EDITOR_LINE,    /* a line */
    LINE_EDITOR_DROPPED, /* INT: what was typed is gone */
    LINE_EDITOR_END,     /* end of file */
    LINE_EDITOR_STOPPED, /* settings.wait() said so */
    LINE_EDITOR_FAILED,  /* it could not be read or kept; errno says why */
};

struct line_editor_settings {
    const char *prompt;
    const char *history; /* the file that keeps the lines; NULL: none */

    /*
     * Waits until standard input can be read: OUTCOME_DONE. OUTCOME_INTERRUPTED for any signal,
     * and when something was said: then the screen has a new line for the prompt. Another outcome
     * ends the reading; what is said of it has a line of its own.
     */
    enum outcome (*wait)(void *context);
    void *context;
};

struct line_editor;

/* NULL with errno. The caller gives it to line_editor_close(). `settings` must stay valid. */
struct line_editor *line_editor_open(const struct line_editor_settings *settings) MUST_USE;

/* Shows the prompt and reads a line, valid until the next call, without its newline. */
enum line_editor_result line_editor_read(struct line_editor *editor, const char **line,
                                         size_t *size) MUST_USE;

/* After LINE_EDITOR_STOPPED: what settings.wait() returned. */
enum outcome line_editor_outcome(const struct line_editor *editor);

/* Keeps the history and gives everything back, the terminal too. */
void line_editor_close(struct line_editor *editor);

#endif
