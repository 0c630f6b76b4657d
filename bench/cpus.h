/* SPDX-License-Identifier: MIT */
/* bench/cpus.h - which two cpus a pair of processes is pinned to */
#ifndef BENCH_CPUS_H
#define BENCH_CPUS_H

#include <stdbool.h>

/**
 * bench_cpus_pick() - choose the cpus for two processes
 * @apart: two different cores (never two threads of one core, if there is a choice)
 * @cpu:   receives two cpu numbers out of those this process may run on
 *
 * Return: 0, or -ENODEV (only one cpu here), or the error of sched_getaffinity(2).
 */
int bench_cpus_pick(bool apart, int cpu[2]);

/* Pins the calling process; 0 or negative errno. */
int bench_cpus_pin(int cpu);

#endif
