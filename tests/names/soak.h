/* SPDX-License-Identifier: MIT */
/*
 * soak.h - what the processes of the soak share, and how every change of a name is counted
 *
 * A name may be made and unlinked by all at once, and each of them may be killed. Still
 * it is known exactly how often it was made and unlinked: a process says in its slot what
 * it is about to do, does it, and counts it with one store. Whoever is to be killed is
 * stopped first; what it was doing then is final, and shows:
 *
 *   PUBLISHING, not counted   its draft is there: not made. It isn't: made.
 *   UNLINKING, not counted    something of its is there: unlinked. Else it can't be told
 *                             whether the rename or the end of the removal was next: such
 *                             a process is spared and goes on.
 *   IDLE                      nothing to count; a draft that it was building may be there
 *
 * So whenever all pause, made minus unlinked is 1 for a name that exists and 0 for one that
 * doesn't.
 */
#ifndef HEPTA_TESTS_SOAK_H
#define HEPTA_TESTS_SOAK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOAK_KIND    "soak"
#define SOAK_N_NAMES 10

enum soak_doing { IDLE, PUBLISHING, UNLINKING };

enum soak_count { MADE, TAKEN, ATTACHED, NOT_THERE, UNLINKED, LISTED, CLEANED, N_COUNTS };

/* One process; written by it, and by the parent when it is dead. */
struct soak_slot {
    uint32_t doing; /* enum soak_doing */
    uint32_t name;  /* which */
    uint32_t base;  /* what the count was before */
    uint32_t parked;
    uint32_t n_bad;
    pid_t pid;
    uint32_t made[SOAK_N_NAMES], unlinked[SOAK_N_NAMES];
    uint64_t n[N_COUNTS];
} __attribute__((aligned(128)));

struct soak_shared {
    uint32_t hold; /* all pause between two operations */
    uint32_t stop;
    uint64_t last_id; /* of an object */
    struct soak_slot slots[];
};

void soak_name(char name[8], uint32_t i);

/* What a process does until it is told to stop. Its exit status: 0, or 1 if it leaks. */
int soak_work(struct soak_shared *sh, struct soak_slot *slot, uint64_t seed);

/* Find the object and check that all its parts are there and belong together. 0, -ENOENT,
 * or another error, which is a failure. */
int soak_attach(uint32_t name);

#endif
