/* SPDX-License-Identifier: MIT */
/*
 * prim/sleepers.h - threads that sleep in shared memory and are called one by one, in order
 *
 * A bell (prim/bell.h) wakes all who listen. Where the manual promises an order, each sleeper
 * has a record of its own: by rank (a thread's priority; lower goes first), then by arrival,
 * one is called for each thing that can be had. A guard, which is the lock of those who call,
 * protects the records; the futex words are changed under it and waited for without it.
 *
 * A call is a debt: it must not be lost with who is killed on its way.
 *   - A caller turns its robust "pending" word (get_robust_list(2)) to the sleeper's word before
 *     the call can be needed (the commit), and leaves it there until the wake-up is done: when a
 *     thread dies, the kernel looks at that word, and wakes a waiter there if the word names the
 *     dead thread. Between, the lock is held without pending: prim/lock.h, C4.
 *   - A sleeper that was called and dies leaves what it was called for to those behind it. So
 *     all but the first look by themselves every H7_SLEEPERS_TICK_NS: the first has nobody in
 *     front whose call could be lost. Who is first is asked under the guard, when it enters: later,
 *     one that was called could have gone from in front, with its call. Where ranks differ, a
 *     newcomer may become the first: then all tick, for good.
 *   - One that was called and leaves with empty hands calls the next.
 *   - A caller that is stopped (SIGSTOP) between commit and wake-up owes it still, and no kernel
 *     pays. So nobody sleeps longer than a second without a look.
 *
 * Shared layout, struct h7_sleeper (64 bytes):
 *   field      written by           meaning
 *   word       sleeper, caller      futex word. 0 asleep; else called: the caller's TID with
 *                                   H7_LOCK_WAITERS, so that the kernel wakes it if he dies;
 *                                   or H7_LOCK_OWNER_DIED, from the kernel
 *   state      sleeper, caller      0 free, 1 waiting, 2 called
 *   tid        sleeper              who
 *   rank       sleeper              order, first part
 *   ticket     sleeper              order, second part
 *   want       sleeper              what for, the room's
 *   own        the room's           not touched here
 *
 * Where one can die:
 *   S1 sleeper, before state 1        nothing
 *   S2 sleeper, from there on         those behind it look by themselves; the record is freed by
 *                                     whoever finds its thread dead: a caller who woke nobody, a
 *                                     new sleeper
 *   S3 caller, word changed           the kernel wakes the sleeper
 *   S4 caller, after the wake-up      nothing
 */
#ifndef H7_PRIM_SLEEPERS_H
#define H7_PRIM_SLEEPERS_H

#include "base/atomic.h"
#include "prim/lock.h"

#define H7_SLEEPERS 120 /* in one table; who finds no place looks every tick */
#define H7_SLEEPERS_TICK_NS 50000000
#define H7_NO_SLEEPER (-1)

enum { H7_SLEEPER_FREE = 0, H7_SLEEPER_WAITING = 1, H7_SLEEPER_CALLED = 2 };

struct h7_sleeper {
    struct h7_a32 word;
    struct h7_a32 state;
    struct h7_a32 tid;
    struct h7_a32 rank;
    struct h7_a64 ticket;
    struct h7_a64 want[3];
    struct h7_a64 own[2];
};

struct h7_sleepers {
    struct h7_a32 n_waiting; /* records in state waiting: the fast path's only question */
    struct h7_a32 high;      /* records beyond this one were never used */
    struct h7_a32 ranked;    /* 1: not all ranks were the same */
    struct h7_a32 reserved;
    struct h7_a64 tickets;
    struct h7_a64 n_sleeps, n_wakes; /* statistics */
    struct h7_a64 ticks[2];  /* a bit for each record: it ticks; as it was when it entered */
    struct h7_sleeper at[H7_SLEEPERS];
};

/* Under the guard: */

static inline int h7_sleepers_any(const struct h7_sleepers *s)
{
    return h7_load32_relaxed(&s->n_waiting) != 0;
}
/* Wait (again) as the calling thread: a new record, or *at again with its old ticket. 0, or
 * -EAGAIN: no place, *at is H7_NO_SLEEPER. A new one frees those of dead threads. 1: as 0, and
 * the others have to be called, all, once: the first that is of another rank. */
int h7_sleepers_enter(struct h7_sleepers *s, int *at, uint32_t rank, const uint64_t want[3]);
/* They have been: from here on all tick. Who dies before leaves it to the next of another rank. */
void h7_sleepers_ranked(struct h7_sleepers *s);
/* Leave. Returns what the state was: waiting, or called. */
int h7_sleepers_leave(struct h7_sleepers *s, int *at);
/* The next to be called that fits, or H7_NO_SLEEPER. fits NULL: all do. */
int h7_sleepers_next(const struct h7_sleepers *s, int (*fits)(const struct h7_sleeper *, void *),
                     void *arg);
/* The record in use, waiting or called, that comes behind prev in the order; prev H7_NO_SLEEPER:
 * the first. H7_NO_SLEEPER at the end. */
int h7_sleepers_after(const struct h7_sleepers *s, int prev);
/* Call it: changes its word. The wake-up is h7_sleepers_wake(), later. */
void h7_sleepers_call(struct h7_sleepers *s, int i);
/* Recount n_waiting: after a holder of the guard died. */
void h7_sleepers_mend(struct h7_sleepers *s);

/* With or without it: */

/* Wake who was called. 1 there was one asleep; 0 not: he is on his way, or dead, which
 * h7_sleepers_dead() tells. */
int h7_sleepers_wake(struct h7_sleepers *s, int i);
int h7_sleepers_dead(const struct h7_sleepers *s, int i);
/* This one isn't called, and one in front of it, alive, is on his way: who looks now would overtake
 * him. Only advice: he may be stopped. */
int h7_sleepers_is_early(const struct h7_sleepers *s, int at);
/* Sleep until called, or to the deadline; at most `tick` ns (0: the caller has no reason of its
 * own to look), and H7_SLEEPERS_TICK_NS behind others, or without a record (H7_NO_SLEEPER). 0,
 * -EINTR. */
int h7_sleepers_sleep(struct h7_sleepers *s, int at, int64_t tick, int64_t deadline);

/* The thread's place among sleepers as sched(7) has it: lower goes first. */
uint32_t h7_sleepers_rank(void);

#endif
