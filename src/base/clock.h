/* Monotonic time, time worked, and the time of day. Nothing in the project measures with the wall
 * clock. */
#ifndef BJ_BASE_CLOCK_H
#define BJ_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t bj_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What this thread has computed so far: a bound by it does not shift with what else the machine
 * does. */
static inline int64_t bj_clock_worked_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Since the epoch, to be shown and recorded. */
static inline int64_t bj_clock_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t bj_clock_wall_ms(void)
{
    return bj_clock_wall_us() / 1000;
}

#endif
