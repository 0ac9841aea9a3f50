#include "virtual_time.h"

#include "wrap.h"

#include <time.h>

/* The machine has been up for a while: 0 stands for "never" in more than one place. */
#define BOOT_US 1000000
#define WALL_US 1700000000000000

struct virtual_time virtual_time;

void virtual_time_begin(void)
{
    virtual_time = (struct virtual_time){.now = BOOT_US, .wall = WALL_US};
}

void virtual_wall_jump(int64_t microseconds)
{
    virtual_time.wall += microseconds;
}

WRAP(int, clock_gettime, clockid_t clock, struct timespec *time)
{
    int64_t us = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? virtual_time.wall
                                                                           : virtual_time.now;

    time->tv_sec = us / 1000000;
    time->tv_nsec = us % 1000000 * 1000;
    return 0;
}

WRAP(time_t, time, time_t *seconds)
{
    if (seconds != NULL)
        *seconds = virtual_time.wall / 1000000;
    return virtual_time.wall / 1000000;
}

WRAP(int, nanosleep, const struct timespec *wanted, struct timespec *left)
{
    (void)left; /* nothing interrupts it here */
    virtual_time_pass((int64_t)wanted->tv_sec * 1000000 + wanted->tv_nsec / 1000);
    return 0;
}
