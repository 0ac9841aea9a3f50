#include "client/line_editor.h"

#include "client/libedit.h"
#include "client/lines.h"
#include "client/signals.h"
#include "client/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 4096 }; /* the longest line that a terminal returns */

struct line_editor {
    const struct line_editor_settings *settings;
    struct libedit *libedit; /* NULL: the terminal's own line editing applies */
    struct lines lines;      /* without libedit: the bytes read */
    enum outcome outcome;    /* why reading stopped */
};

static bool terminal_can_edit(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && terminal != NULL &&
           terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;
}

struct line_editor *line_editor_open(const struct line_editor_settings *settings)
{
    struct line_editor *editor = calloc(1, sizeof *editor);

    if (editor == NULL)
        return NULL;
    editor->settings = settings;
    if (terminal_can_edit())
        editor->libedit = libedit_open(settings, &editor->outcome);
    return editor;
}

static void show(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* The user can type without a prompt. */
    }
}

/* Reads once from the terminal. Returns LINE_EDITOR_LINE if reading can go on. */
static enum line_editor_result read_more(struct line_editor *editor)
{
    (void)signals_terminal_changed(); /* before this wait: no reason for its end */
    editor->outcome = editor->settings->wait(editor->settings->context);
    if (editor->outcome == OUTCOME_INTERRUPTED) {
        if (signals_interrupt() != 0)
            return signals_interrupt() == SIGINT ? LINE_EDITOR_DROPPED : LINE_EDITOR_STOPPED;
        if (!signals_terminal_changed()) /* then something was logged */
            show(editor->settings->prompt);
        return LINE_EDITOR_LINE;
    }
    if (editor->outcome != OUTCOME_DONE)
        return LINE_EDITOR_STOPPED;
    unsigned char *room = lines_room(&editor->lines, READ_SIZE);
    if (room == NULL)
        return LINE_EDITOR_FAILED;
    ssize_t size = terminal_read(room, READ_SIZE);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? LINE_EDITOR_LINE : LINE_EDITOR_FAILED;
    if (size == 0)
        lines_end(&editor->lines);
    lines_added(&editor->lines, (size_t)size);
    return LINE_EDITOR_LINE;
}

static enum line_editor_result read_plain(struct line_editor *editor, const unsigned char **line,
                                          size_t *size)
{
    while (!lines_take(&editor->lines, line, size)) {
        if (lines_are_done(&editor->lines))
            return LINE_EDITOR_END;
        enum line_editor_result result = read_more(editor);
        if (result != LINE_EDITOR_LINE)
            return result;
    }
    return LINE_EDITOR_LINE;
}

/* Whether the cursor is still on the line with the prompt. */
static bool is_mid_line(const struct line_editor *editor, enum line_editor_result result)
{
    if (result == LINE_EDITOR_STOPPED)
        return editor->outcome == OUTCOME_INTERRUPTED;
    return result != LINE_EDITOR_LINE;
}

enum line_editor_result line_editor_read(struct line_editor *editor, const char **line,
                                         size_t *size)
{
    enum line_editor_result result;

    if (editor->libedit != NULL) {
        result = libedit_read(editor->libedit, line, size);
    } else {
        const unsigned char *bytes = NULL;
        show(editor->settings->prompt);
        result = read_plain(editor, &bytes, size);
        *line = (const char *)bytes;
    }
    int saved = errno;
    if (result == LINE_EDITOR_DROPPED) {
        signals_forget_interrupt();
        /* Ctrl-D within a line makes the terminal return the beginning of that line: discard it. */
        lines_free(&editor->lines);
    }
    if (is_mid_line(editor, result))
        show("\n");
    errno = saved;
    return result;
}

enum outcome line_editor_outcome(const struct line_editor *editor)
{
    return editor->outcome;
}

void line_editor_close(struct line_editor *editor)
{
    if (editor == NULL)
        return;
    if (editor->libedit != NULL)
        libedit_close(editor->libedit);
    lines_free(&editor->lines);
    free(editor);
}
