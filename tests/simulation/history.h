/*
 * history.h: one seed makes one history: a machine, a configuration, and a list of events that
 * happen to the server at some call, or after some time. When all have happened, faults end, and
 * the server has to answer everybody, to let everybody go, and to stop when it is asked.
 *
 * The list is made before the history begins, and each event says all about itself: a history stays
 * a history when events are left out, which is how a failing one is made short.
 */
#ifndef TCPACK_SIMULATION_HISTORY_H
#define TCPACK_SIMULATION_HISTORY_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_EVENTS_MAX = 160 };

struct history_result {
    bool failed;
    char problem[512]; /* the violation */
    uint64_t hash;     /* of everything that happened */
    size_t events;
    size_t records;
};

/* Once, before the first history. */
void history_set_up(void);

/* Makes the list of events of a seed; then events may be left out. */
size_t history_plan(uint64_t seed);
void history_leave_out(size_t event, bool left_out);
bool history_is_left_out(size_t event);

/* Runs what was planned. */
void history_run(struct history_result *result);

/* ------------------------------------------------------- what the simulated kernel calls */

/* Each call begins. */
void history_call(void);

/* The server is about to wait. */
void history_ready(void);

/* It waits; when the next event or check is due, and that it is. */
int64_t history_due(void);
void history_wait(void);

/* The process connects: the number of a connection made by network_make(), or -1 with errno. */
int history_connects(void) MUST_USE;

/* It wrote this to standard error. */
void history_logged(const void *bytes, size_t size);

/* The server closed a descriptor that is not open. */
void history_closed_twice(int fd);

/* Whether a call was made to fail, or the disk was full, since the process started. */
bool history_was_disturbed(void);

/* Whether the process ended for want of power. */
bool history_power_is_off(void);

#endif
