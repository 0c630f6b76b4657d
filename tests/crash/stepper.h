/* SPDX-License-Identifier: MIT */
/*
 * stepper.h - kill or stop a process in every state of a verb, and see what is left
 *
 * A room writes one const struct step_scenario per verb and situation. For each state
 * that the verb goes through (trace.h) one pass is made, in processes of its own:
 *
 *   stage   makes the object (setup), forks the victim, steps it to that state, lets
 *           others collide with it (press), kills it, and then is the survivor
 *   victim  runs verb(), and halts or dies there
 *
 * The kinds of passes: KILL; STOP, where the victim gets SIGSTOP instead, stopped()
 * must keep its deadlines, and after SIGCONT nothing may be lost; CHAIN, where the
 * recoverer is killed, too, in states of its recover(), and a third goes on.
 * In a long run a pass is made for each instruction instead of each state.
 */
#ifndef HEPTA_TESTS_STEPPER_H
#define HEPTA_TESTS_STEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* STEP_LONG: the scenario is left to the long run. */
enum step_kind { STEP_KILL = 1, STEP_STOP = 2, STEP_CHAIN = 4, STEP_LONG = 8 };

struct step_run;

#define STEP_ROOM (96 * 1024)

/* A hook runs in the stage unless it says otherwise; NULL = nothing to do. */
struct step_scenario {
    const char *name;
    const char *segment;                /* part of the path of the shared mapping */
    size_t watch;                       /* its bytes that count as state; 0 = all */
    size_t watch_data;                  /* of mappings from further on in the file; 0 = watch */
    const void *arg;                    /* the scenario's own parameters */
    int kinds;                          /* enum step_kind, or-ed */
    unsigned every;                     /* but for --long: only each so-many-th state; 0 = 1 */
    unsigned every_slow;                /* the same of stops and chains; 0 = every, 1 */
    unsigned patience_ms, steps_max;    /* when a stage hangs, a verb doesn't end; 0 = stage.h */
    void (*setup)(struct step_run *);   /* makes the object; starts other processes */
    void (*enter)(struct step_run *);   /* victim, before: closes what it must not have */
    void (*verb)(struct step_run *);    /* victim: stepped; see step_returned() */
    void (*depart)(struct step_run *);  /* after the fork: closes what only the victim has */
    void (*wake)(struct step_run *);    /* the verb sleeps in the kernel: end that */
    void (*press)(struct step_run *);   /* victim is halted and about to be killed */
    void (*survive)(struct step_run *); /* victim is dead: check everything */
    void (*stopped)(struct step_run *); /* victim is stopped: check deadlines */
    void (*resumed)(struct step_run *); /* victim went on and has ended: check everything */
    void (*recover)(struct step_run *); /* second victim: stepped, meets what the first left */
    void (*enter_second)(struct step_run *); /* second victim, before; mustn't mend anything */
    void (*cleanup)(struct step_run *); /* always: closes all, ends other processes */
};

/* One pass; in memory shared by runner, stage and victims. */
struct step_run {
    const struct step_scenario *sc;
    enum step_kind kind;
    uint64_t state, step;               /* where to halt the victim; 0 = at the end */
    uint64_t chain_state, chain_step;   /* the same for the second victim */
    pid_t victim;
    bool returned;                      /* the verb came back ... */
    int64_t result;                     /* ... with this */
    bool reached, chain_reached;
    uint64_t n_steps, n_states, pc;     /* how far the victim got */
    uint64_t chain_states;
    volatile uint64_t beats;            /* steps and hooks so far: the stage gets on */
    int64_t worst_ns;                   /* slowest verb of a survivor, beyond its deadline */
    int n_failed, n_late;
    char why[512];
    _Alignas(16) unsigned char room[STEP_ROOM]; /* for the scenario; zeroed */
};

/* For hooks: note a failure unless @ok. The first text is kept. Returns @ok. */
bool step_check(struct step_run *run, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For hooks: a verb that started at @start and had until @deadline (0 = at once) is over.
 * More than 100 ms beyond is late; a pass that is only late is repeated, noise happens. */
void step_timed(struct step_run *run, int64_t start, int64_t deadline, const char *what);

/* For verbs: the call came back with @result, so from here on it has happened. */
void step_returned(struct step_run *run, int64_t result);

/* In the environment of the second run of main, see step_main(). */
#define STEP_AGAIN "HEPTA_STEPPER"

/* Runs the scenarios of which the name contains one of the words in argv (all if none),
 * of the kinds given with --kill, --stop, --chain (default: all), each instruction with
 * --long, every sixth state with --thin, others from day to day. Prints a line for each and a
 * sum. 0, or the number of failed passes, or 77 where ptrace isn't allowed. Call first thing in
 * main: it runs the program again with address randomisation off. */
int step_main(int argc, char **argv, const struct step_scenario *const *list, size_t n);

#endif
