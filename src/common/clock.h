/*
 * clock.h: the two clocks. Monotonic time measures how long something took and when it is due;
 * wall time is what a record says.
 */
#ifndef TCPACK_COMMON_CLOCK_H
#define TCPACK_COMMON_CLOCK_H

#include <stdint.h>

/* Microseconds since some fixed point; never goes back. */
int64_t clock_monotonic_us(void);

/* Microseconds since 1970-01-01T00:00:00Z, as the system believes. */
int64_t clock_wall_us(void);

#endif
