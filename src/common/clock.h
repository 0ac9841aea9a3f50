/*
 * clock.h: the two clocks. Monotonic time measures durations and deadlines; wall time goes
 * into records.
 */
#ifndef TCPACK_COMMON_CLOCK_H
#define TCPACK_COMMON_CLOCK_H

#include <stdint.h>

/* Microseconds since some fixed point; never goes backwards. */
int64_t clock_monotonic_us(void);

/* Microseconds since 1970-01-01T00:00:00Z, according to the system. */
int64_t clock_wall_us(void);

#endif
