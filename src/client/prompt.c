#include "client/prompt.h"

#include "client/history.h"
#include "client/line_editor.h"
#include "common/buffer.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static enum outcome wait_for_terminal(void *context)
{
    return transfer_idle(context, STDIN_FILENO);
}

static enum outcome converse(struct transfer *transfer, struct line_editor *editor)
{
    for (;;) {
        const char *line;
        size_t size;
        enum outcome outcome = OUTCOME_DONE;
        switch (line_editor_read(editor, &line, &size)) {
        case LINE_EDITOR_LINE:
            outcome = transfer_message(transfer, line, size);
            break;
        case LINE_EDITOR_DROPPED:
            continue;
        case LINE_EDITOR_END:
            return OUTCOME_DONE;
        case LINE_EDITOR_STOPPED:
            return line_editor_outcome(editor);
        case LINE_EDITOR_FAILED:
            log_error("cannot read from the terminal: %s", strerror(errno));
            return OUTCOME_FAILED;
        }
        if (outcome != OUTCOME_DONE && outcome != OUTCOME_UNSENDABLE)
            return outcome;
    }
}

enum outcome prompt_run(struct transfer *transfer, const char *text, bool history)
{
    struct buffer path = {0};
    struct line_editor_settings settings = {
        .prompt = text,
        .wait = wait_for_terminal,
        .context = transfer,
    };
    struct problem problem;

    if (history && history_prepare(&path, &problem))
        settings.history = (const char *)path.bytes;
    else if (history)
        log_debug("keeping no history: %s", problem.text);
    struct line_editor *editor = line_editor_open(&settings);
    enum outcome outcome = OUTCOME_FAILED;
    if (editor != NULL)
        outcome = converse(transfer, editor);
    else
        log_error("cannot read from the terminal: %s", strerror(errno));
    line_editor_close(editor);
    buffer_free(&path);
    return outcome;
}
