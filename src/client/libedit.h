/*
 * libedit.h: line editing and history by libedit, for line_editor.c only. If tcpack is built
 * without libedit, libedit_open() returns NULL.
 */
#ifndef TCPACK_CLIENT_LIBEDIT_H
#define TCPACK_CLIENT_LIBEDIT_H

#include "client/line_editor.h"

struct libedit;

/*
 * Returns NULL if there is no libedit or it fails to start. libedit_read() stores the result of
 * settings->wait() in *outcome. `settings` and `outcome` must stay valid.
 */
struct libedit *libedit_open(const struct line_editor_settings *settings,
                             enum outcome *outcome) MUST_USE;

/* Returns as line_editor_read(). */
enum line_editor_result libedit_read(struct libedit *libedit, const char **line,
                                     size_t *size) MUST_USE;

void libedit_close(struct libedit *libedit);

#endif
