/*
 * virtual_time.h: the clocks of the simulated machine. Time passes only where the simulation says
 * so: a little with each call, more in select() and in fdatasync().
 */
#ifndef TCPACK_SIMULATION_VIRTUAL_TIME_H
#define TCPACK_SIMULATION_VIRTUAL_TIME_H

#include <stdint.h>

void virtual_time_begin(void);

/* Microseconds since the machine started: the monotonic clock. */
int64_t virtual_now(void);

void virtual_time_pass(int64_t microseconds);

/* Sets the wall clock forward or back; the monotonic one goes on. */
void virtual_wall_jump(int64_t microseconds);

#endif
