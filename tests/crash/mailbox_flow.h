/* SPDX-License-Identifier: MIT */
/*
 * mailbox_flow.h - what the files of mailbox_steps.c share: the case, the box, the book
 *
 * What was in the box before is numbered, and so is what the stage sends; the victim sends number
 * 0 of its own. Whoever gets one books it.
 */
#ifndef HEPTA_TESTS_MAILBOX_FLOW_H
#define HEPTA_TESTS_MAILBOX_FLOW_H

#include "signal/mailbox_internal.h"
#include "stepper.h"

#define NAME "/m"
#define DEPTH 8
#define ONE 5     /* the signal that coalesces */
#define NUMBER 40 /* the one that queues */
#define LAST 64

enum class { BEFORE, VICTIM, STAGE, CLASSES };
enum receiver { R_STAGE, R_VICTIM, R_SLEEPS, R_POLLS, R_DEAD };
#define MATE(r) ((r) == R_SLEEPS || (r) == R_POLLS)

struct mailbox_case {
    void (*verb)(struct step_run *run);
    enum receiver receiver;
    int ready, stacked; /* of NUMBER, before the verb: turned over already, or not */
    bool one;           /* ONE is pending before */
    uint32_t ack;       /* HEPTA_MAILBOX_ACK, of a victim that receives, or of the dead one */
    int given;          /* the victim, or the dead one, has been given so many before */
    int takes[2];       /* of BEFORE, that may be gone if it is killed; that are, if it returns */
    bool sends, sends_one;
    bool if_it_can;     /* ... there may be no place */
    bool dead_places;   /* some are a dead sender's, and one was refused */
    bool absent, removes;
};

/* In step_run.room: what was got, by whomever. */
struct mailbox_book {
    volatile pid_t mate;
    volatile bool done;
    volatile int result, n_one, n_last;
    volatile int n[CLASSES][DEPTH + 4];
    volatile int last[CLASSES]; /* number + 1 */
    volatile bool torn, disorder;
};

extern struct hepta_mailbox *box; /* of the stage, and until it opens its own, of all others */
extern const struct mailbox_case *mc;
extern pid_t mate;
extern int n_sent; /* by the stage */

static inline struct mailbox_book *book(struct step_run *run)
{
    return (struct mailbox_book *)run->room;
}

/* mailbox_world.c: verbs of everybody. put: a numbered one. */
int open_as(uint32_t flags, struct hepta_mailbox **b);
int put(enum class class, int number);
int put_as_stage(void);
void note(struct mailbox_book *b, const struct hepta_signal_info *info);

/* Its hooks, and those of mailbox_hooks.c; see stepper.h. */
void mailbox_setup(struct step_run *run);
void mailbox_enter(struct step_run *run);
void mailbox_wake(struct step_run *run);
void mailbox_survive(struct step_run *run);
void mailbox_stopped(struct step_run *run);
void mailbox_resumed(struct step_run *run);
void mailbox_recover(struct step_run *run);
void mailbox_cleanup(struct step_run *run);

#endif
