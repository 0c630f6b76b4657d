/* SPDX-License-Identifier: MIT */
/*
 * bench/guard.h - removes what a run has made, also when the run is killed
 *
 * System V queues have no name to remove early and go on existing while nobody uses them.
 * The guard is a process that sleeps until nobody holds the other end of its pipe.
 */
#ifndef BENCH_GUARD_H
#define BENCH_GUARD_H

#include <sys/types.h>

struct guard {
    pid_t pid;
    int fd;
};

/* From now on @undo(@arg) is certain to run: at guard_end(), or after the calling process and
 * those that it forks have gone. @arg is copied by fork. 0 or negative errno. */
int guard_start(struct guard *g, void (*undo)(void *arg), void *arg);

/* Has it run, and waits for that. Of a zeroed guard: nothing. */
void guard_end(struct guard *g);

#endif
