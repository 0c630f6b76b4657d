/* SPDX-License-Identifier: MIT */
/*
 * bench/ticks.h - the two clocks of a measurement, and the pause of a spinning wait
 *
 * A round trip through memory takes some 150 ns; clock_gettime() would be a sixth of
 * that, the cycle counter is a twentieth. Its rate isn't known, so each measurement
 * takes both clocks at its two ends and scales.
 */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdint.h>
#include <time.h>

static inline int64_t bench_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)bench_now_ns();
#endif
}

static inline void bench_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
