/* SPDX-License-Identifier: MIT */
/*
 * queue_flow.h - what the stepping scenarios of both kinds of queues have in common: the
 * messages that are told apart, the other processes ("mates"), and the final check of all
 *
 * A room describes itself in one const struct queue_room, and has its queue in variables of its
 * own, which the victim and the mates inherit. A case says which verb is stepped, what that does
 * to messages (enum queue_deed), and in which situation. The hooks are in queue_hooks.c, the
 * mates in queue_mates.c, the stage's verbs and the checks in queue_world.c.
 */
#ifndef HEPTA_TESTS_QUEUE_FLOW_H
#define HEPTA_TESTS_QUEUE_FLOW_H

#include "stepper.h"

#include <hepta/base.h>
#include <stddef.h>

enum queue_class { QC_BEFORE, QC_VICTIM, QC_MATE, QC_STAGE, QC_CLASSES };

/* What the verb does to messages. */
enum queue_deed {
    QD_NONE,
    QD_PUT,  /* sends the victim's one message */
    QD_TAKE, /* takes one of those before: when it has returned it is in the shared data */
    QD_ACK,  /* lets one go that `enter` had leased into the shared data */
    QD_HOLD  /* leases one, or gives it back: it must be in its place again */
};

enum queue_mates {
    QM_NONE,
    QM_RECEIVER, /* asleep in a receive before the verb begins */
    QM_SENDER,   /* asleep in a send before the verb begins */
    QM_POLLER_R, /* asleep in poll(2), for a message */
    QM_POLLER_W, /* asleep in poll(2), for room */
    QM_TAKES,    /* receives when the victim is halted: meets its lock */
    QM_PUTS      /* sends when the victim is halted */
};

#define Q_FULL (-1)   /* for queue_case.before: as many as fit, */
#define Q_FULL_1 (-2) /* one less */

struct queue_case {
    const struct queue_room *room;
    void (*verb)(struct step_run *run);
    enum queue_deed deed;
    int before;   /* messages inside when the verb begins */
    uint32_t len; /* bytes of all messages; beyond 72 they lie outside of the slots */
    enum queue_mates mates;
    void (*enter)(struct step_run *run); /* victim, before; NULL: nothing */
    void (*begin)(struct step_run *run); /* stage, before; NULL: nothing */
    void (*end)(struct step_run *run);   /* stage, when the victim is dead; NULL: nothing */
    bool absent; /* there is no queue before the verb */
    bool removes; /* ... or after it, if it returned */
    long want;   /* of a receive by type; and its flags */
    int flags;
};

/* What the final check is told of a message. */
struct queue_got {
    unsigned prio, deliveries; /* 0: the room doesn't say */
    uint64_t seq;
};

/* A room's verbs; 0, a count or a negative errno. */
struct queue_room {
    int (*make)(const struct queue_case *c); /* and open */
    void (*close)(void);
    int (*remove)(void);
    int (*send)(unsigned prio, const void *buf, size_t len, int64_t deadline);
    ssize_t (*receive)(void *buf, size_t len, int64_t deadline);
    ssize_t (*take)(void *buf, size_t len, struct queue_got *got, int64_t deadline);
    int (*count)(unsigned *n); /* messages that can be received */
    int (*pollfd)(bool reading);
    int (*check)(char *why, size_t n);
    void (*warm)(void); /* in a child, before its first verb; NULL: nothing */
    void (*tidy)(void); /* removes what dead makers left, if a make doesn't; NULL: it does */
    bool by_age;        /* receive gives the oldest, not the one of the highest priority */
};

#define Q_LEN 320 /* more than the longest message */
#define Q_MATES 2
#define Q_PATIENCE_MS 5000
#define Q_HANG (hepta_in_ms(10000)) /* a victim's own deadline: longer than any pass */
#define Q_PRIO 1 /* of all that are sent in a pass */

struct queue_mate {
    volatile bool go, done;
    int64_t result;
    unsigned char data[Q_LEN];
};

/* In step_run.room. */
struct queue_shared {
    struct queue_mate mate[Q_MATES];
    volatile uint64_t lease; /* that the victim had before the verb, + 1 */
    unsigned char data[Q_LEN];
};

/* Of the stage. */
struct queue_world {
    const struct queue_case *c;
    int n_cap, n_before;
    unsigned n_stage; /* messages that the stage has sent */
    int n_seen[QC_CLASSES][256];
    int deliveries[QC_CLASSES][256]; /* as the final check was told; 0: not by that */
    pid_t mate[Q_MATES];
    int n_mates;
};

extern struct queue_world qw;

struct queue_shared *queue_shared(struct step_run *run);

/* Messages: all bytes follow from class, number, priority and length. */
void queue_fill(unsigned char *buf, size_t len, enum queue_class class, unsigned number,
                unsigned prio);
/* Of those before, the priority. */
unsigned queue_prio(unsigned number);

void queue_setup(struct step_run *run);
void queue_enter(struct step_run *run);
void queue_enter_second(struct step_run *run);
void queue_verb(struct step_run *run);
void queue_wake(struct step_run *run);
void queue_survive(struct step_run *run);
void queue_stopped(struct step_run *run);
void queue_resumed(struct step_run *run);
void queue_recover(struct step_run *run);
void queue_cleanup(struct step_run *run);

void queue_mates_start(struct step_run *run);
void queue_mates_go(struct step_run *run);
bool queue_mates_wait(struct step_run *run, int ms);
void queue_mates_stop(void);

/* Verbs of the stage, timed and booked. */
int queue_put(struct step_run *run, int64_t deadline);
ssize_t queue_get(struct step_run *run, int64_t deadline);
unsigned queue_count(struct step_run *run);

/* Somebody got it. */
void queue_book(struct step_run *run, const unsigned char *buf, ssize_t len);
/* Takes all there is, in order; all that must have arrived, did. */
void queue_drain(struct step_run *run);
void queue_check_all(struct step_run *run);
/* No place was lost: as many fit as before. */
void queue_check_room(struct step_run *run);

#define QUEUE_HOOKS                                                                                \
    .setup = queue_setup, .enter = queue_enter, .verb = queue_verb, .wake = queue_wake,            \
    .press = queue_mates_go, .survive = queue_survive, .stopped = queue_stopped,                   \
    .resumed = queue_resumed, .recover = queue_recover,                                            \
    .enter_second = queue_enter_second,                                                            \
    .cleanup = queue_cleanup

#endif
