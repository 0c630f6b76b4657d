/* SPDX-License-Identifier: MIT */
/*
 * prim/claim.h - ownership that outlives a verb: a reservation, a peek, later a lease
 *
 * A robust lock must not be held across user code. What is held longer is a claim: a
 * record in shared memory that names its owner (prim/life.h). It excludes others only
 * because they look at it under the lock that guards it; when its owner is dead, whoever
 * looks next clears it. A claim protects nothing half-made: what it covers becomes
 * visible in one store elsewhere (a head, a tail), so clearing is the whole recovery, and
 * doing it twice is the same as doing it once.
 *
 * Shared layout (all fields written under the guarding lock, read under it or by a
 * waiter that only compares):
 *   field   written by   meaning
 *   state   owner, heir  futex word. 0 free; else H7_CLAIM_HELD | sequence number
 *   tid     owner        the owning thread
 *   pid     owner        the owning process ...
 *   mark    owner        ... and what tells it from a later one with the same pid
 *   waiters waiter       1: somebody may sleep on state
 *   n       owner        claims made so far: the sequence number
 *
 * Order of a take: tid, pid, mark, then state (release). A taker that dies before state
 * has claimed nothing; after it, the claim is complete. Clear: state only.
 *
 * The owner may clear without the lock: nobody else writes state while the owner lives,
 * and what the claim covered was published before (release).
 *
 * No wake-up is lost: a waiter sets waiters, and sleeps only while state still is what it
 * saw after that (futex(2) compares); the clearer changes state, full fence, then looks
 * at waiters. A clearer that dies in between leaves sleepers that look again after a tick.
 */
#ifndef H7_PRIM_CLAIM_H
#define H7_PRIM_CLAIM_H

#include "base/atomic.h"

#define H7_CLAIM_HELD 0x80000000u
#define H7_CLAIM_TICK_NS 70000000 /* how long a waiter believes that the owner lives */

struct h7_claim {
    struct h7_a32 state;
    struct h7_a32 waiters;
    struct h7_a32 tid;
    struct h7_a32 pid;
    struct h7_a64 mark;
    struct h7_a32 n;
    struct h7_a32 reserved;
};

/* Called with the guarding lock held, where nothing else is said. */

/* Anybody's at all? The fast path's only question. */
static inline int h7_claim_held(const struct h7_claim *c)
{
    return h7_load32_acquire(&c->state) != 0; /* with the release in h7_claim_drop() */
}

/* The calling thread's? Needs no lock: only the owner can make or unmake that. */
int h7_claim_mine(const struct h7_claim *c);

/* Make it the calling thread's; it must be free. 0, or as h7_life_self(). */
int h7_claim_take(struct h7_claim *c);

/* Free it and wake who waits. The owner needs no lock for it. */
void h7_claim_drop(struct h7_claim *c);

/* Is it held by a dead owner, process or thread? Where more than the claim is to be mended,
 * that comes before the drop. */
int h7_claim_orphaned(const struct h7_claim *c);

/* Free it if its owner, process or thread, is dead. 1 it is free now (or was), 0 somebody
 * living has it. */
int h7_claim_recover(struct h7_claim *c);

/* Announce a wait. Returns what h7_claim_wait() needs. */
uint32_t h7_claim_announce(struct h7_claim *c);

/* Without the lock: sleep until state changes, at most a tick, at most to deadline.
 * 0 look again, -EINTR. The caller re-locks, and after a tick recovers. */
int h7_claim_wait(struct h7_claim *c, uint32_t seen, int64_t deadline);

/* Invariants: C1 state is 0 or HELD|n; C2 a held claim has a tid and a pid. 0, -EBADMSG. */
int h7_claim_check(const struct h7_claim *c);

#endif
