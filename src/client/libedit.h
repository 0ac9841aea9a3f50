/*
 * libedit.h: what libedit does for line_editor.c, which alone includes this. Without libedit
 * libedit_open() returns NULL.
 */
#ifndef TCPACK_CLIENT_LIBEDIT_H
#define TCPACK_CLIENT_LIBEDIT_H

#include "client/line_editor.h"

struct libedit;

/* NULL where there is no libedit or it does not start. *outcome is that of settings->wait(). */
struct libedit *libedit_open(const struct line_editor_settings *settings,
                             enum outcome *outcome) MUST_USE;

/* As line_editor_read(). */
enum line_editor_result libedit_read(struct libedit *libedit, const char **line,
                                     size_t *size) MUST_USE;

void libedit_close(struct libedit *libedit);

#endif
