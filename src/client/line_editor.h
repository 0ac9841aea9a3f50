/*
 * line_editor.h: reads lines from a terminal. It uses libedit for editing and history if tcpack is
 * built with libedit and the terminal supports it. Otherwise the terminal's own line editing
 * applies.
 */
#ifndef TCPACK_CLIENT_LINE_EDITOR_H
#define TCPACK_CLIENT_LINE_EDITOR_H

#include "client/outcome.h"
#include "common/compiler.h"

#include <stddef.h>

enum line_editor_result {
    LINE_EDITOR_LINE,    /* a line */
    LINE_EDITOR_DROPPED, /* INT: the line typed so far is discarded */
    LINE_EDITOR_END,     /* end of file */
    LINE_EDITOR_STOPPED, /* settings.wait() ended the reading */
    LINE_EDITOR_FAILED,  /* reading failed or memory is short; errno says which */
};

struct line_editor_settings {
    const char *prompt;
    const char *history; /* the history file; NULL: no history */

    /*
     * Waits until standard input is readable and returns OUTCOME_DONE. Returns OUTCOME_INTERRUPTED
     * after any signal, and after logging something: the cursor is then on a new line, ready for
     * the prompt. Any other outcome ends the reading and has been logged on a line of its own.
     */
    enum outcome (*wait)(void *context);
    void *context;
};

struct line_editor;

/*
 * Returns NULL with errno ENOMEM. The caller calls line_editor_close() later. `settings` must stay
 * valid until then.
 */
struct line_editor *line_editor_open(const struct line_editor_settings *settings) MUST_USE;

/* Shows the prompt and reads a line, without its newline. *line is valid until the next call. */
enum line_editor_result line_editor_read(struct line_editor *editor, const char **line,
                                         size_t *size) MUST_USE;

/* After LINE_EDITOR_STOPPED: the outcome that settings.wait() returned. */
enum outcome line_editor_outcome(const struct line_editor *editor);

/* Saves the history, restores the terminal and frees everything. NULL is ignored. */
void line_editor_close(struct line_editor *editor);

#endif
