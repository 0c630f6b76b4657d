/* SPDX-License-Identifier: MIT */
/*
 * semset_flow.h - between semset_steps.c (verbs, cases) and semset_hooks.c (the set before the
 * verb, and what must hold after it)
 */
#ifndef HEPTA_TESTS_SEMSET_FLOW_H
#define HEPTA_TESTS_SEMSET_FLOW_H

#include "stepper.h"

#include <hepta/semset.h>

#define SEMS 2
#define U SEM_UNDO

struct semset_case {
    void (*verb)(struct step_run *run);
    struct sembuf ops[SEMS]; /* the victim's; what SETVAL and SETALL change, as sums */
    size_t n;
    bool mate;    /* sleeps for semaphore 1 */
    bool forgets; /* the victim hasn't attached it */
    bool absent;  /* there is no set before the verb */
    bool removes; /* ... or after it */
    bool gives;   /* it gets another owner */
};

extern const struct semset_case *sc; /* of this pass */
extern int id;

int get(int flags);
int set_all(const unsigned short *values);
int stat_it(struct semid_ds *ds);
/* IPC_SET that changes nothing. */
int set_perm(void);
/* The value that the verb makes of the one before. */
int sum_of(int sem);
/* Looks at all there are, and finds what the dead have left half-made. */
void tidy(void);

void semset_setup(struct step_run *run);
void semset_enter(struct step_run *run);
void semset_wake(struct step_run *run);
void semset_survive(struct step_run *run);
void semset_stopped(struct step_run *run);
void semset_resumed(struct step_run *run);
void semset_recover(struct step_run *run);
void semset_cleanup(struct step_run *run);

#endif
