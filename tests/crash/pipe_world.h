/* SPDX-License-Identifier: MIT */
/*
 * pipe_world.h - what the pipe's stepping scenarios have in common: the pipe, the other
 * processes ("mates") that use it at the same time, and the final check of everything
 *
 * A case says which verb is stepped and in which situation. The stage has both ends,
 * unless the case is `sole`: then the victim's end is only the victim's, and its death
 * must show as end-of-file or -EPIPE.
 */
#ifndef HEPTA_TESTS_PIPE_WORLD_H
#define HEPTA_TESTS_PIPE_WORLD_H

#include "records.h"
#include "stepper.h"

#include <hepta/pipe.h>

enum pipe_verb {
    V_CREATE,
    V_WRITE,
    V_RESERVE, /* and die with it */
    V_COMMIT,  /* reserve, fill, commit */
    V_CLOSE_W,
    V_FD_W,
    V_EXPORT_W,
    V_READ, /* from here on the victim is a reader */
    V_PEEK,
    V_RELEASE, /* peek, release */
    V_CLOSE_R,
    V_FD_R,
    V_ATTACH_R
};

enum pipe_mates {
    M_NONE,
    M_WRITER,   /* writes when the victim is halted: meets its lock or claim */
    M_READER,   /* reads when the victim is halted */
    M_READERS,  /* three, asleep in a read before the verb begins */
    M_SLEEPER,  /* one of these */
    M_POLLER_R, /* asleep in epoll_wait() on the read end's descriptor */
    M_POLLER_W  /* the same on the write end's */
};

struct pipe_case {
    uint32_t flags, capacity;
    enum pipe_verb verb;
    uint32_t before; /* bytes in the pipe when the verb begins */
    uint32_t len;    /* of the verb */
    bool sole;
    enum pipe_mates mates;
    uint32_t deep; /* the verb is left to its naps, and woken only where it polls */
};

#define N_MATES 3
#define PATIENCE_MS 5000

struct mate {
    volatile bool go, done;
    int64_t result;
    unsigned char data[REC];
};

/* In step_run.room. */
struct pipe_room {
    struct mate mate[N_MATES];
    unsigned n_stage; /* records the stage has written */
    unsigned char data[4096]; /* what the victim has read */
};

/* Of the stage, inherited by victim and mates. */
struct pipe_world {
    struct hepta_pipe *r, *w;
    int fds[HEPTA_PIPE_NFDS];
    pid_t mate[N_MATES];
    int n_mates;
    struct ledger ledger;
};

extern struct pipe_world world;

const struct pipe_case *case_of(const struct step_run *run);
struct pipe_room *room_of(struct step_run *run);
bool victim_reads(const struct pipe_case *c);
bool mates_sleep_reading(const struct pipe_case *c);

void world_setup(struct step_run *run);
void world_cleanup(struct step_run *run);

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

/* What the poll descriptors say must fit what is in the pipe. */
void check_levels(struct step_run *run);

/* Everything that was written has arrived, as far as it must. */
void check_ledger(struct step_run *run);
void check_inside(struct step_run *run);

#endif
