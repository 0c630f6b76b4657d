/* SPDX-License-Identifier: MIT */
/*
 * shmid_flow.h - between shmid_steps.c (verbs, cases) and shmid_hooks.c (the segment before the
 * verb, and what must hold after it)
 */
#ifndef HEPTA_TESTS_SHMID_FLOW_H
#define HEPTA_TESTS_SHMID_FLOW_H

#include "stepper.h"

struct shmid_case {
    void (*verb)(struct step_run *run);
    bool holder;  /* the stage has it attached all the time */
    bool mine;    /* the victim has */
    bool removed; /* before the verb */
    bool removes; /* by the verb */
    bool forgets; /* the victim doesn't know the id yet */
    bool absent;  /* there is no segment before the verb */
    bool corpse;  /* removed, and its last user was killed */
};

extern const struct shmid_case *sc; /* of this pass */
extern int id;
extern unsigned char *victims; /* where the victim has it attached */

int get(int flags);
int at(int of, unsigned char **p);
int remove_id(int of);
/* IPC_SET that changes nothing. */
int set_perm(int of);
/* Looks at all there are. */
int list(void);

void shmid_setup(struct step_run *run);
void shmid_depart(struct step_run *run);
void shmid_enter(struct step_run *run);
void shmid_enter_second(struct step_run *run);
void shmid_survive(struct step_run *run);
void shmid_stopped(struct step_run *run);
void shmid_resumed(struct step_run *run);
void shmid_recover(struct step_run *run);
void shmid_cleanup(struct step_run *run);

#endif
