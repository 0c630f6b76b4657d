/* SPDX-License-Identifier: MIT */
/*
 * flow.h - what the stepping scenarios of all rooms that carry bytes have in common: two
 * ends, the other processes ("mates") that use them at the same time, and the final check
 * of everything
 *
 * A room describes itself in one const struct flow_room; a case says which verb is stepped
 * and in which situation. The stage has both ends, unless the case is `sole`: then the
 * victim's end is only the victim's, and its death must show as end-of-file or -EPIPE.
 * Hooks are in flow_hooks.c, the stage's verbs and the checks in flow_world.c, the mates in
 * flow_mates.c. What else a room has (names, connections) is in its own *_steps.c.
 */
#ifndef HEPTA_TESTS_FLOW_H
#define HEPTA_TESTS_FLOW_H

#include "records.h"
#include "stepper.h"

#include <hepta/base.h>
#include <poll.h>

enum flow_verb {
    V_WRITE,
    V_WRITE_PARTS, /* gathered from three pieces */
    V_RESERVE,     /* and die with it */
    V_COMMIT,      /* reserve, fill, commit */
    V_CLOSE_W,
    V_FD_W,
    V_OWN_W, /* the scenario's own verb */
    V_READ,  /* from here on the victim is a reader */
    V_READ_PARTS,
    V_PEEK,
    V_RELEASE, /* peek, release */
    V_CLOSE_R,
    V_FD_R,
    V_OWN_R
};

enum flow_mates {
    M_NONE,
    M_WRITER,   /* writes when the victim is halted: meets its lock or claim */
    M_READER,   /* reads when the victim is halted */
    M_READERS,  /* three, asleep in a read before the verb begins */
    M_SLEEPER,  /* one of these */
    M_POLLER_R, /* asleep in epoll_wait() on the read end's descriptor */
    M_POLLER_W  /* the same on the write end's */
};

struct flow_case {
    const struct flow_room *room;
    uint32_t flags, capacity; /* the room's */
    enum flow_verb verb;
    uint32_t before; /* bytes inside when the verb begins */
    uint32_t len;    /* of the verb */
    bool sole;
    enum flow_mates mates;
    uint32_t deep;  /* the verb is left to its naps, and woken only where it polls */
    uint32_t piece; /* `before` is written in pieces of this length; 0: REC */
    bool adaptive;  /* the ends wait as they like; else they sleep at once */
};

/* The verbs of a room on one end; 0, a count or a negative errno. */
struct flow_room {
    const char *name;
    int (*make)(const struct flow_case *c, void **r, void **w);
    ssize_t (*write)(void *w, const void *buf, size_t len, int64_t deadline);
    ssize_t (*read)(void *r, void *buf, size_t len, int64_t deadline);
    ssize_t (*write_parts)(void *w, const void *buf, size_t len, int64_t deadline);
    ssize_t (*read_parts)(void *r, void *buf, size_t len, int64_t deadline);
    int (*reserve)(void *w, size_t len, void **ptr, int64_t deadline);
    int (*commit)(void *w, size_t len);
    ssize_t (*peek)(void *r, const void **ptr, int64_t deadline);
    int (*release)(void *r, size_t len);
    int (*pollfd)(void *end, bool reading, struct pollfd *p);
    int (*used)(void *end, bool reading, uint64_t *n); /* bytes inside */
    void *(*close)(void *end);
    int (*check)(void *end, char *why, size_t n); /* the invariants */
    void (*unmake)(struct step_run *run); /* after both ends were closed; may be NULL */
    uint32_t single; /* the flag, if any, that allows only one writer and one reader */
    uint32_t packet; /* the flag, if any, with which a write of any length is atomic */
};

#define N_MATES 3
#define PATIENCE_MS 5000
#define FLOW_MAX (68 * 1024)    /* bytes of a verb, or inside */
#define HANG_NS (10000 * T_MS)  /* a victim's own deadline: longer than any pass */

struct mate {
    volatile bool go, done;
    int64_t result;
    unsigned char data[REC];
};

/* In step_run.room. */
struct flow_shared {
    struct mate mate[N_MATES];
    unsigned n_stage; /* records the stage has written */
    unsigned char data[FLOW_MAX]; /* what the victim has read */
};

/* Of the stage, inherited by victim and mates. */
struct flow_world {
    const struct flow_room *room;
    void *r, *w;
    pid_t mate[N_MATES];
    int n_mates;
    struct ledger ledger;
};

extern struct flow_world world;

const struct flow_case *case_of(const struct step_run *run);
struct flow_shared *room_of(struct step_run *run);
bool victim_reads(const struct flow_case *c);
bool victim_takes(const struct flow_case *c); /* reads, and moves on */
bool victim_puts(const struct flow_case *c);
bool mates_sleep_reading(const struct flow_case *c);

/* The hooks of every scenario with a struct flow_case. */
void flow_setup(struct step_run *run);
void flow_enter(struct step_run *run);
void flow_verb(struct step_run *run);
void flow_depart(struct step_run *run);
void flow_wake(struct step_run *run);
void flow_survive(struct step_run *run);
void flow_stopped(struct step_run *run);
void flow_resumed(struct step_run *run);
void flow_recover(struct step_run *run);
void flow_cleanup(struct step_run *run);

#define FLOW_HOOKS(setup_hook, verb_hook, depart_hook)                                             \
    .setup = setup_hook, .enter = flow_enter, .verb = verb_hook, .depart = depart_hook,            \
    .wake = flow_wake, .press = mates_go, .survive = flow_survive, .stopped = flow_stopped,        \
    .resumed = flow_resumed, .recover = flow_recover, .cleanup = flow_cleanup

#define K STEP_KILL
#define KS (STEP_KILL | STEP_STOP)
#define KSC (STEP_KILL | STEP_STOP | STEP_CHAIN)
#define LONG STEP_LONG

/* Closes an end that is open; for the world's own. */
void flow_close(void **end);

void mates_start(struct step_run *run);
void mates_go(struct step_run *run);   /* and wait until they are done or asleep */
void mates_stop(void);
bool mates_wait(struct step_run *run, int n, int ms); /* at least n are done */

/* Verbs of the stage, timed; data are booked. */
ssize_t stage_write(struct step_run *run, int64_t deadline);
ssize_t stage_read(struct step_run *run, size_t len, int64_t deadline);

/* Reads all there is, in time; drain also checks what the end of it looks like. */
void stage_take(struct step_run *run);
void stage_drain(struct step_run *run, bool expect_eof);

/* Bytes inside, by whichever end the stage has. */
uint64_t stage_used(struct step_run *run);

/* What the poll descriptors say must fit what is inside. */
void check_levels(struct step_run *run);

/* Everything that was written has arrived, as far as it must. */
void check_ledger(struct step_run *run);
void check_inside(struct step_run *run);

#endif
