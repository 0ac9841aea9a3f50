/*
 * deadlines.h: which descriptor's time is up first. A heap: setting, clearing and taking cost the
 * logarithm of how many there are, and looking costs nothing. Pure.
 *
 * Times are microseconds of clock_monotonic_us(). A deadline may be early: who takes it looks
 * whether it is really due and sets it again. So what is postponed all the time, such as the idle
 * timeout of a busy connection, costs nothing until the time that was set first.
 */
#ifndef TCPACK_SERVER_CONNECTION_DEADLINES_H
#define TCPACK_SERVER_CONNECTION_DEADLINES_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* What deadlines_first() and deadlines_of() return where there is none. */
#define DEADLINE_NEVER INT64_MAX

struct deadlines;

/* None yet. NULL with errno ENOMEM. */
struct deadlines *deadlines_new(void) MUST_USE;

void deadlines_free(struct deadlines *deadlines);

/* Sets the one deadline of descriptor `fd`. False with errno ENOMEM, and the old one stays. */
bool deadlines_set(struct deadlines *deadlines, int fd, int64_t due) MUST_USE;

/* Any fd; one that has no deadline is let be. */
void deadlines_clear(struct deadlines *deadlines, int fd);

int64_t deadlines_of(const struct deadlines *deadlines, int fd);

/* The earliest deadline. */
int64_t deadlines_first(const struct deadlines *deadlines);

/* Removes a deadline that is not after `now` and returns its descriptor; -1 where there is none. */
int deadlines_take(struct deadlines *deadlines, int64_t now);

#endif
