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

struct libedit {
    const struct line_editor_settings *settings;
    enum outcome *outcome;
    FILE *screen; /* standard error, buffered */
    EditLine *editline;
    History *history;
    struct buffer line; /* the last line read */
    enum line_editor_result result;
    int error; /* errno, if result is LINE_EDITOR_FAILED */
};

static char *show_prompt(EditLine *editline)
{
    struct libedit *libedit = NULL;

    (void)el_get(editline, EL_CLIENTDATA, &libedit);
    union {
        const char *given;
        char *wanted; /* libedit does not write to it, although its type allows it */
    } prompt = {libedit->settings->prompt};
    return prompt.wanted;
}

/* Waits for a byte from the terminal. Returns false with the reason in libedit->result. */
static bool await_byte(struct libedit *libedit)
{
    for (;;) {
        *libedit->outcome = libedit->settings->wait(libedit->settings->context);
        if (*libedit->outcome == OUTCOME_DONE)
            return true;
        if (*libedit->outcome != OUTCOME_INTERRUPTED) {
            libedit->result = LINE_EDITOR_STOPPED;
            return false;
        }
        if (signals_interrupt() != 0) {
            libedit->result =
                signals_interrupt() == SIGINT ? LINE_EDITOR_DROPPED : LINE_EDITOR_STOPPED;
            return false;
        }
        if (signals_terminal_changed())
            el_resize(libedit->editline);
        (void)el_set(libedit->editline, EL_REFRESH);
    }
}

/* Ignores bytes that are not a character in this locale, with a beep. */
static void ignore_bytes(struct libedit *libedit)
{
    el_beep(libedit->editline);
    (void)fflush(libedit->screen); /* only a beep */
}

/*
 * Decodes the next byte. Returns true if it completes *character. A byte that cannot continue an
 * incomplete character starts a new one: it may be Enter.
 */
static bool decode(struct libedit *libedit, char byte, mbstate_t *state, wchar_t *character)
{
    const mbstate_t initial = {0};
    bool begun = mbsinit(state) == 0;
    size_t used = mbrtowc(character, &byte, 1, state);

    if (used == (size_t)-1 && begun) {
        ignore_bytes(libedit);
        *state = initial;
        used = mbrtowc(character, &byte, 1, state);
    }
    if (used == (size_t)-1) {
        ignore_bytes(libedit);
        *state = initial;
    }
    return used <= 1;
}

/* Called by libedit for each character. Returns 1 and the character, 0 at end of file, or -1. */
static int get_character(EditLine *editline, wchar_t *character)
{
    struct libedit *libedit = NULL;
    mbstate_t state = {0};

    (void)el_get(editline, EL_CLIENTDATA, &libedit);
    for (;;) {
        char byte;
        if (!await_byte(libedit))
            return -1;
        ssize_t size = terminal_read(&byte, 1);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (size <= 0) {
            libedit->result = size == 0 ? LINE_EDITOR_END : LINE_EDITOR_FAILED;
            libedit->error = errno;
            return size == 0 ? 0 : -1;
        }
        if (decode(libedit, byte, &state, character))
            return 1;
    }
}

static bool open_history(struct libedit *libedit)
{
    HistEvent event;

    libedit->history = history_init();
    if (libedit->history == NULL)
        return false;
    (void)history(libedit->history, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(libedit->history, &event, H_SETUNIQUE, 1);
    if (libedit->settings->history != NULL) /* fails on the first run: the file is empty */
        (void)history(libedit->history, &event, H_LOAD, libedit->settings->history);
    return true;
}

/*
 * Turns off the terminal's own line editing, which libedit turns on between two lines. Keys typed
 * there, including Ctrl-D, belong to the next line.
 */
static void take_keys(struct libedit *libedit)
{
    (void)el_set(libedit->editline, EL_PREP_TERM, 1);
}

static bool open_editline(struct libedit *libedit)
{
    int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    libedit->screen = copy < 0 ? NULL : fdopen(copy, "w");
    if (libedit->screen == NULL) {
        if (copy >= 0)
            (void)close(copy); /* nothing was written to it */
        return false;
    }
    libedit->editline = el_init("tcpack", stdin, libedit->screen, libedit->screen);
    if (libedit->editline == NULL)
        return false;
    (void)el_set(libedit->editline, EL_CLIENTDATA, libedit);
    (void)el_set(libedit->editline, EL_PROMPT, show_prompt);
    (void)el_set(libedit->editline, EL_EDITOR, "emacs");
    (void)el_set(libedit->editline, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_set(libedit->editline, EL_BIND, "^I", "ed-insert", NULL);
    (void)el_set(libedit->editline, EL_SIGNAL, 0);
    (void)el_set(libedit->editline, EL_HIST, history, libedit->history);
    (void)el_source(libedit->editline, NULL); /* the user's ~/.editrc */
    if (el_set(libedit->editline, EL_GETCFN, get_character) != 0)
        return false;
    take_keys(libedit);
    return true;
}

struct libedit *libedit_open(const struct line_editor_settings *settings, enum outcome *outcome)
{
    struct libedit *libedit = calloc(1, sizeof *libedit);

    if (libedit == NULL)
        return NULL;
    libedit->settings = settings;
    libedit->outcome = outcome;
    terminal_keep_modes();
    if (open_history(libedit) && open_editline(libedit))
        return libedit;
    libedit_close(libedit);
    return NULL;
}

enum line_editor_result libedit_read(struct libedit *libedit, const char **line, size_t *size)
{
    HistEvent event;
    int length = 0;

    libedit->result = LINE_EDITOR_END;
    const char *text = el_gets(libedit->editline, &length);
    take_keys(libedit);
    if (text == NULL || length <= 0) {
        errno = libedit->error;
        return libedit->result;
    }
    if (text[length - 1] == '\n')
        length--;
    libedit->line.size = 0;
    if (!buffer_append(&libedit->line, text, (size_t)length) ||
        !buffer_append(&libedit->line, "", 1))
        return LINE_EDITOR_FAILED;
    *line = (const char *)libedit->line.bytes;
    *size = (size_t)length;
    if (length > 0)
        (void)history(libedit->history, &event, H_ENTER, *line);
    return LINE_EDITOR_LINE;
}

/* Writes through our own descriptor: libedit would open any kind of file and change its mode. */
static void save_history(struct libedit *libedit)
{
    HistEvent event;
    FILE *file = history_rewrite(libedit->settings->history);

    if (file == NULL)
        return;
    (void)history(libedit->history, &event, H_SAVE_FP, file);
    (void)fclose(file); /* losing the history is not an error */
}

void libedit_close(struct libedit *libedit)
{
    if (libedit->history != NULL && libedit->editline != NULL && libedit->settings->history != NULL)
        save_history(libedit);
    if (libedit->editline != NULL)
        el_end(libedit->editline);
    if (libedit->history != NULL)
        history_end(libedit->history);
    if (libedit->screen != NULL)
        (void)fclose(libedit->screen); /* only screen output could be lost */
    buffer_free(&libedit->line);
    free(libedit);
}

#else

#include <stddef.h>

struct libedit *libedit_open(const struct line_editor_settings *settings, enum outcome *outcome)
{
    (void)settings;
    (void)outcome;
    return NULL;
}

enum line_editor_result libedit_read(struct libedit *libedit, const char **line, size_t *size)
{
    (void)libedit;
    (void)line;
    (void)size;
    return LINE_EDITOR_END;
}

void libedit_close(struct libedit *libedit)
{
    (void)libedit;
}

#endif
