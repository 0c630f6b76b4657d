/* SPDX-License-Identifier: MIT */
/* planted.h - what planted.c, which plants, and planted_use.c and planted_shared.c, which use the
 * names, share */
#ifndef HEPTA_TESTS_PLANTED_H
#define HEPTA_TESTS_PLANTED_H

#include <stdbool.h>
#include <stdint.h>

#define PLANTED_NAMES 3 /* of each kind */
enum { PLANTED_FIFO, PLANTED_MQ, PLANTED_MSG, PLANTED_SEM, PLANTED_PERMIT, PLANTED_SHM,
       PLANTED_SEMSET, PLANTED_SHMID, PLANTED_MAILBOX, PLANTED_KINDS };

/* Of all processes. */
struct planted {
    volatile bool stop;
    uint64_t n_planted, n_calls, n_good, n_listed;
    int64_t worst_ns;
    int undocumented;
    char verb[16];
};
extern struct planted *planted;

uint64_t planted_random(uint64_t below);
/* One of those that this run is about. */
int planted_kind(void);

/* What the headers allow of each; the directory itself is good. */
enum planted_group { NAMES, VERBS, MSG_GET, MSG_VERBS, MSG_CTL, SEM_VERBS, PERMIT_VERBS,
                     SET_VERBS, BOX_OPEN, BOX_VERBS };
/* The verb's result, which is held against that, and against its deadline. */
int64_t planted_judge(const char *verb, enum planted_group group, int64_t start, int64_t deadline,
                      int64_t result);
int64_t planted_deadline(void);
void planted_name(char name[16]);

/* planted_shared.c: semaphores, permits, sets, segments. */
void planted_use_shared(int kind);

/* One call, or a few that belong together. */
void planted_use(void);
/* Once of each kind. */
void planted_use_all(void);

#endif
