/*
 * deadlines.h: which descriptor's deadline comes first. A heap: to set, clear or take a deadline
 * costs the logarithm of their number, to look at the first one costs nothing. Pure.
 *
 * Times are microseconds of clock_monotonic_us(). A deadline may be too early: its taker checks
 * whether it is really due, and if not sets it again. A deadline that moves all the time, such as
 * the idle timeout of a busy connection, therefore costs nothing until the time set first.
 */
#ifndef TCPACK_SERVER_CONNECTION_DEADLINES_H
#define TCPACK_SERVER_CONNECTION_DEADLINES_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* deadlines_first() and deadlines_of() return this if there is no deadline. */
#define DEADLINE_NEVER INT64_MAX

struct deadlines;

/* Has no deadlines at first. The caller frees it. NULL with errno ENOMEM. */
struct deadlines *deadlines_new(void) MUST_USE;

/* NULL is allowed. */
void deadlines_free(struct deadlines *deadlines);

/* Sets the one deadline of descriptor `fd`. False with errno ENOMEM, and the old one stays. */
bool deadlines_set(struct deadlines *deadlines, int fd, int64_t due) MUST_USE;

/* Removes the deadline of `fd`, if there is one. */
void deadlines_clear(struct deadlines *deadlines, int fd);

/* The deadline of `fd`. */
int64_t deadlines_of(const struct deadlines *deadlines, int fd);

/* The earliest deadline. */
int64_t deadlines_first(const struct deadlines *deadlines);

/* Removes the first deadline if it is not after `now`, and returns its descriptor; -1: none is. */
int deadlines_take(struct deadlines *deadlines, int64_t now);

#endif
