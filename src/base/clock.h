/* SPDX-License-Identifier: MIT */
/* base/clock.h - deadlines and the two clocks; public part in hepta/base.h */
#ifndef H7_BASE_CLOCK_H
#define H7_BASE_CLOCK_H

#include <errno.h>
#include <hepta/base.h>
#include <time.h>

#define H7_MS ((int64_t)1000000)

static inline struct timespec h7_timespec(int64_t ns)
{
    struct timespec ts = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    return ts;
}

/* The kernel's tick (1 to 10 ms apart): a few ns to read, for "has time passed at all". */
int64_t h7_clock_tick(void);

/* HEPTA_NOW for the rest of a verb that has had its first try: no more grace, no second
 * look. Verbs pass no caller's deadline on that looks like it. */
#define H7_EXPIRED ((int64_t)INT64_MIN)

static inline int64_t h7_deadline(int64_t deadline)
{
    return deadline < 0 ? 1 : deadline; /* long past, either way */
}

/* What a verb returns that can't proceed and has no time left. */
static inline int h7_expired(int64_t deadline)
{
    return deadline == HEPTA_NOW || deadline == H7_EXPIRED ? -EAGAIN : -ETIMEDOUT;
}

static inline int64_t h7_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
