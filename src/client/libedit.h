/*
 * line_editing.h: what libedit does for line_editor.c, which alone includes this. Without libedit
 * line_editing_open() returns NULL.
 */
#ifndef TCPACK_CLIENT_LIBEDIT_H
#define TCPACK_CLIENT_LIBEDIT_H

#include "client/line_editor.h"

struct line_editing;

/* NULL where there is no libedit or it does not start. *outcome is that of settings->wait(). */
struct line_editing *line_editing_open(const struct line_editor_settings *settings,
                                       enum outcome *outcome) MUST_USE;

/* As line_editor_read(). */
enum line_editor_result line_editing_read(struct line_editing *editing, const char **line,
                                          size_t *size) MUST_USE;

void line_editing_close(struct line_editing *editing);

#endif
