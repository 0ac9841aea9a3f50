#include "client/libedit.h"

#ifdef HAVE_LIBEDIT

#include "client/history.h"
#include "client/signals.h"
#include "client/terminal.h"
#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 1000 };

struct line_editing {
    const struct line_editor_settings *settings;
    enum outcome *outcome;
    FILE *screen; /* standard error, buffered */
    EditLine *editline;
    History *history;
    struct buffer line; /* the last one */
    enum line_editor_result result;
    int error; /* errno of LINE_EDITOR_FAILED */
};

static char *show_prompt(EditLine *editline)
{
    struct line_editing *editing = NULL;

    (void)el_get(editline, EL_CLIENTDATA, &editing);
    union {
        const char *given;
        char *wanted; /* libedit does not write to it, whatever its type says */
    } prompt = {editing->settings->prompt};
    return prompt.wanted;
}

/* Waits for a byte of the terminal. False: editing->result says what came instead. */
static bool await_byte(struct line_editing *editing)
{
    for (;;) {
        *editing->outcome = editing->settings->wait(editing->settings->context);
        if (*editing->outcome == OUTCOME_DONE)
            return true;
        if (*editing->outcome != OUTCOME_INTERRUPTED) {
            editing->result = LINE_EDITOR_STOPPED;
            return false;
        }
        if (signals_interrupt() != 0) {
            editing->result =
                signals_interrupt() == SIGINT ? LINE_EDITOR_DROPPED : LINE_EDITOR_STOPPED;
            return false;
        }
        if (signals_terminal_changed())
            el_resize(editing->editline);
        (void)el_set(editing->editline, EL_REFRESH);
    }
}

/* Bytes that are no character of this locale: as if they were not typed, but for a beep. */
static void refuse_bytes(struct line_editing *editing)
{
    el_beep(editing->editline);
    (void)fflush(editing->screen); /* only a beep */
}

/*
 * Takes the next byte; true: *character is whole. A byte that does not go on with what was begun
 * ends that, and is the first one of another character: it may be Enter.
 */
static bool decode(struct line_editing *editing, char byte, mbstate_t *state, wchar_t *character)
{
    const mbstate_t initial = {0};
    bool begun = mbsinit(state) == 0;
    size_t used = mbrtowc(character, &byte, 1, state);

    if (used == (size_t)-1 && begun) {
        refuse_bytes(editing);
        *state = initial;
        used = mbrtowc(character, &byte, 1, state);
    }
    if (used == (size_t)-1) {
        refuse_bytes(editing);
        *state = initial;
    }
    return used <= 1;
}

/* libedit calls it for each character: 1 and the character, 0 at the end, -1 otherwise. */
static int get_character(EditLine *editline, wchar_t *character)
{
    struct line_editing *editing = NULL;
    mbstate_t state = {0};

    (void)el_get(editline, EL_CLIENTDATA, &editing);
    for (;;) {
        char byte;
        if (!await_byte(editing))
            return -1;
        ssize_t size = terminal_read(&byte, 1);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (size <= 0) {
            editing->result = size == 0 ? LINE_EDITOR_END : LINE_EDITOR_FAILED;
            editing->error = errno;
            return size == 0 ? 0 : -1;
        }
        if (decode(editing, byte, &state, character))
            return 1;
    }
}

static bool open_history(struct line_editing *editing)
{
    HistEvent event;

    editing->history = history_init();
    if (editing->history == NULL)
        return false;
    (void)history(editing->history, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(editing->history, &event, H_SETUNIQUE, 1);
    if (editing->settings->history != NULL) /* the first run has none */
        (void)history(editing->history, &event, H_LOAD, editing->settings->history);
    return true;
}

/*
 * libedit lets the terminal edit between two lines. But what is typed then, or when the prompt was
 * just shown, is for the next line: keys are to be keys, Ctrl-D too.
 */
static void listen_to_keys(struct line_editing *editing)
{
    (void)el_set(editing->editline, EL_PREP_TERM, 1);
}

static bool open_editline(struct line_editing *editing)
{
    int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    editing->screen = copy < 0 ? NULL : fdopen(copy, "w");
    if (editing->screen == NULL) {
        if (copy >= 0)
            (void)close(copy); /* nothing was written to it */
        return false;
    }
    editing->editline = el_init("tcpack", stdin, editing->screen, editing->screen);
    if (editing->editline == NULL)
        return false;
    (void)el_set(editing->editline, EL_CLIENTDATA, editing);
    (void)el_set(editing->editline, EL_PROMPT, show_prompt);
    (void)el_set(editing->editline, EL_EDITOR, "emacs");
    (void)el_set(editing->editline, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_set(editing->editline, EL_BIND, "^I", "ed-insert", NULL);
    (void)el_set(editing->editline, EL_SIGNAL, 0);
    (void)el_set(editing->editline, EL_HIST, history, editing->history);
    (void)el_source(editing->editline, NULL); /* what the user set in ~/.editrc */
    if (el_set(editing->editline, EL_GETCFN, get_character) != 0)
        return false;
    listen_to_keys(editing);
    return true;
}

struct line_editing *line_editing_open(const struct line_editor_settings *settings,
                                       enum outcome *outcome)
{
    struct line_editing *editing = calloc(1, sizeof *editing);

    if (editing == NULL)
        return NULL;
    editing->settings = settings;
    editing->outcome = outcome;
    terminal_keep_modes();
    if (open_history(editing) && open_editline(editing))
        return editing;
    line_editing_close(editing);
    return NULL;
}

enum line_editor_result line_editing_read(struct line_editing *editing, const char **line,
                                          size_t *size)
{
    HistEvent event;
    int length = 0;

    editing->result = LINE_EDITOR_END;
    const char *text = el_gets(editing->editline, &length);
    listen_to_keys(editing);
    if (text == NULL || length <= 0) {
        errno = editing->error;
        return editing->result;
    }
    if (text[length - 1] == '\n')
        length--;
    editing->line.size = 0;
    if (!buffer_append(&editing->line, text, (size_t)length) ||
        !buffer_append(&editing->line, "", 1))
        return LINE_EDITOR_FAILED;
    *line = (const char *)editing->line.bytes;
    *size = (size_t)length;
    if (length > 0)
        (void)history(editing->history, &event, H_ENTER, *line);
    return LINE_EDITOR_LINE;
}

/* By a descriptor: libedit itself would write to, and change the mode of, whatever is there. */
static void save_history(struct line_editing *editing)
{
    HistEvent event;
    FILE *file = history_rewrite(editing->settings->history);

    if (file == NULL)
        return;
    (void)history(editing->history, &event, H_SAVE_FP, file);
    (void)fclose(file); /* a history that is not kept is no reason to fail */
}

void line_editing_close(struct line_editing *editing)
{
    if (editing->history != NULL && editing->editline != NULL && editing->settings->history != NULL)
        save_history(editing);
    if (editing->editline != NULL)
        el_end(editing->editline);
    if (editing->history != NULL)
        history_end(editing->history);
    if (editing->screen != NULL)
        (void)fclose(editing->screen); /* only what was shown */
    buffer_free(&editing->line);
    free(editing);
}

#else

#include <stddef.h>

struct line_editing *line_editing_open(const struct line_editor_settings *settings,
                                       enum outcome *outcome)
{
    (void)settings;
    (void)outcome;
    return NULL;
}

enum line_editor_result line_editing_read(struct line_editing *editing, const char **line,
                                          size_t *size)
{
    (void)editing;
    (void)line;
    (void)size;
    return LINE_EDITOR_END;
}

void line_editing_close(struct line_editing *editing)
{
    (void)editing;
}

#endif
