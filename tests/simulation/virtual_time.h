/*
 * virtual_time.h: the clocks of the simulated machine. Time passes only where the simulation says
 * so: a little with each call, more in select() and in fdatasync().
 */
#ifndef TCPACK_SIMULATION_VIRTUAL_TIME_H
#define TCPACK_SIMULATION_VIRTUAL_TIME_H

#include <stdint.h>

/* In microseconds; for the functions below. */
struct virtual_time {
    int64_t now;
    int64_t wall;
};

extern struct virtual_time virtual_time;

void virtual_time_begin(void);

/* Microseconds since the machine started: the monotonic clock. */
static inline int64_t virtual_now(void)
{
    return virtual_time.now;
}

static inline void virtual_time_pass(int64_t microseconds)
{
    virtual_time.now += microseconds;
    virtual_time.wall += microseconds;
}

/* Sets the wall clock forward or back; the monotonic one goes on. */
void virtual_wall_jump(int64_t microseconds);

#endif
