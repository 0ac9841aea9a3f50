/*
 * trace.h: what happened in a history: a hash of every call and its result, which tells whether two
 * runs of a seed were the same, and, where it is asked for, a line for each.
 */
#ifndef TCPACK_SIMULATION_TRACE_H
#define TCPACK_SIMULATION_TRACE_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether lines are printed to standard output. */
extern bool trace_printing;

void trace_begin(void);
uint64_t trace_hash(void);

/* A call of the server with up to two arguments, and its result; errno where the result is -1. */
void trace_call(const char *name, int64_t first, int64_t second, int64_t result);

/* Something else that happened. The text is only made where it is printed. */
void trace_note(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
