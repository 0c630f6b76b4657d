/* SPDX-License-Identifier: MIT */
/* base/clock.c - see base/clock.h and hepta/base.h */
#define _GNU_SOURCE
#include "base/clock.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t hepta_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t h7_clock_tick(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

/* Never HEPTA_NOW or HEPTA_FOREVER by accident: clamped to what lies between. */
int64_t hepta_in_ns(int64_t n)
{
    int64_t t;
    if (__builtin_add_overflow(hepta_now_ns(), n, &t) || t <= HEPTA_NOW || t == HEPTA_FOREVER)
        t = n < 0 ? HEPTA_NOW + 1 : HEPTA_FOREVER - 1;
    return t;
}

static int64_t in_unit(int64_t n, int64_t unit)
{
    int64_t ns;
    if (__builtin_mul_overflow(n, unit, &ns))
        ns = n < 0 ? INT64_MIN : INT64_MAX;
    return hepta_in_ns(ns);
}

int64_t hepta_in_us(int64_t n)
{
    return in_unit(n, 1000);
}

int64_t hepta_in_ms(int64_t n)
{
    return in_unit(n, H7_MS);
}
