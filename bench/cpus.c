/* SPDX-License-Identifier: MIT */
/*
 * bench/cpus.c - see cpus.h
 *
 * Neighbouring numbers may be two threads of one core, which share its caches and its
 * execution units; the topology in sysfs tells. Of several other cores one in the same
 * package is taken. Without sysfs any other cpu will do.
 */
#define _GNU_SOURCE
#include "bench/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

static int topology(int cpu, const char *what)
{
    char path[96];
    int id = -1;

    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    if (fscanf(f, "%d", &id) != 1)
        id = -1;
    fclose(f);
    return id;
}

/* How well @b goes with @a as the other core: 3 best, 0 a thread of the same core. */
static int fitness(int a, int b)
{
    int package_a = topology(a, "physical_package_id"),
        package_b = topology(b, "physical_package_id");
    int core_a = topology(a, "core_id"), core_b = topology(b, "core_id");

    if (core_a < 0 || core_b < 0)
        return 2;
    if (package_a != package_b)
        return 1;
    return core_a != core_b ? 3 : 0;
}

int bench_cpus_pick(bool apart, int cpu[2])
{
    cpu_set_t set;
    int best = -1;

    if (sched_getaffinity(0, sizeof(set), &set))
        return -errno;
    cpu[0] = cpu[1] = -1;
    for (int i = 0; i < CPU_SETSIZE && best < 3; i++) {
        if (!CPU_ISSET(i, &set))
            continue;
        if (cpu[0] < 0) {
            cpu[0] = i;
        } else if (fitness(cpu[0], i) > best) {
            best = fitness(cpu[0], i);
            cpu[1] = i;
        }
    }
    if (!apart)
        cpu[1] = cpu[0];
    return cpu[1] < 0 ? -ENODEV : 0;
}

int bench_cpus_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}
