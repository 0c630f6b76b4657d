/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_internal.h - a mailbox: what lies in shared memory, who writes it, who dies where
 *
 * Reading order: this; mailbox_open.c; mailbox_send.c; mailbox.c (the receiver's verbs),
 * mailbox_take.c (how one is taken), mailbox_mend.c (what the dead left; the invariants),
 * mailbox_fd.c (who polls). The protocol is models/mailbox.pml.
 *
 * A signal of 32 to 64 is a place of the pool. The sender claims a free one by a compare-and-swap
 * of its state, fills it, and pushes it on the stack of its number by another: that is the commit.
 * So senders hold no lock and never wait for one another. The receiver works under a lock of its
 * own: it turns a stack over onto the number's ready list, oldest first, and takes from there; a
 * stack of one it takes directly. 1 to 31 are a word each, which says who sent it: the commit is
 * that it isn't 0 any more.
 *
 * The object is a directory "mailbox.NAME" (name/name.h): `data`, this; `r`, the bell of who polls;
 * and `mode`, an empty file: that the kernel lets a process open it for reading and writing is the
 * permission.
 *
 * Shared layout. In the control block, struct h7_mailbox_shared, lines apart:
 *   depth      maker      places; before the object is published
 *   used       senders    numbers ever used: set before the first commit, and never cleared, so
 *                         that a number whose bit is 0 needs no look
 *   blocked    receiver   its mask: what is in it, wakes and rings nobody
 *   event      all        futex word. Bit 0: somebody may sleep; the rest changes with each sleep
 *                         and each call
 *   want       all        bit 0: who commits rings the bell first and, if need be, again; the rest
 *                         changes whenever it is lowered
 *   starved    all        a sender found no free place: are there places of dead senders?
 *   unlinked   unlinker   the name may be gone: look at the file's links
 *   stack[]    all        of 32 to 64: the newest place + 1, or 0; senders push, the receiver takes
 *                         all
 *   who[]      all        of 1 to 31: 0, or pid << 32 | uid of who sent it; senders set it, the
 *                         receiver clears it
 *   lock       receiver   prim/lock.h: its threads, its successor, who asks for statistics.
 *                         All below is written under it:
 *   dirty      lock       a holder died; who takes the lock mends first
 *   receiver   lock       turn << 1 | is there one; life[turn & 1] says who
 *   moving     lock       0, or number | place + 1 << 8: a stack that is being turned over, by its
 *                         newest place
 *   given      lock       0, or number | place + 1 << 8 (place 0: 1 to 31): given, not acknowledged
 *   given_who  lock       of 1 to 31
 *   ready[]    lock       head and tail (place + 1), oldest first; an empty one's tail says nothing
 *   received, recovered   lock
 *   freed      lock       how often a place became free, << 16, | which one the last time
 *   swept      lock       when the places of the dead were looked for, ns
 *   coalesced, refused    senders
 * In the data, struct h7_mailbox_slot:
 *   state      sender     0 -> its TID: claimed, then maybe published
 *              receiver   -> H7_SLOT_QUEUED: seen; -> 0: free
 *   next       sender     the older one in the stack, place + 1
 *   fwd        receiver   the younger one in the ready list, place + 1
 *   the rest   sender     before the push
 *
 * Invariants, h7_mailbox_check(), with nobody inside:
 *   G1 every list and stack ends, and its places are of its number
 *   G2 a place in a ready list, or given, is QUEUED; one in a stack isn't free
 *   G3 no place is in two of them
 *   G4 a QUEUED place is in one of them
 *   G5 moving is 0
 *
 * No wake-up is lost: the sleeper changes event to odd, full fence, looks; the sender commits, full
 * fence, looks at event. The same with want and the bell, which is lowered first, then wanted,
 * then looked. A change of the mask calls by itself, and the fence between makes one of the two
 * see the other.
 *
 * Where a sender can die:
 *   B1 claimed, not published      the place has a dead TID. The receiver frees it: first the
 *                                  thread is dead, then all stacks are turned over, so that what
 *                                  it published is QUEUED; what still has its TID, never will be
 *   B2 published, nobody called    a sleeper looks by itself within a second. Who polls was rung
 *                                  before the commit; a second after the last sign of life he is
 *                                  told to look once more (mailbox_fd.c)
 *   B3 event changed, not woken    as B2; bit 0 is still there, so the next sender calls, too
 *   B4 a bit of used, no commit    one look too many
 * Where a receiver can die, or whoever holds the lock; mailbox_mend.c:
 *   B5 moving set, stack not taken  the place is still in the stack: moving is cleared
 *   B6 stack taken, not linked      it isn't: linked now, which may be done twice
 *   B7 taken, place not free        QUEUED, and in no list: freed
 *   B8 given set, not taken         still at the head, or in the stack: given is cleared
 *   B9 given, not acknowledged      put back at the head; 1 to 31: pending again
 *   B10 while mending               each step of it may be done twice
 *   B11 between life[] and receiver the turn hasn't changed: nobody looks at the other half
 * received may then be one too many or too few.
 */
#ifndef H7_SIGNAL_MAILBOX_INTERNAL_H
#define H7_SIGNAL_MAILBOX_INTERNAL_H

#include <errno.h>
#include <hepta/signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/handle.h"
#include "base/self.h"
#include "prim/life.h"
#include "prim/lock.h"
#include "prim/segment.h"
#include "prim/waiter.h"

#define H7_MAILBOX_KIND "mailbox" /* of the name */
#define H7_MAILBOX_PART_DATA "data"
#define H7_MAILBOX_PART_MODE "mode"
#define H7_MAILBOX_PART_BELL "r"

#define H7_MAILBOX_QUEUES 33u /* 32 to 64 */
#define H7_MAILBOX_FIRST 32   /* the first of them */
#define H7_MAILBOX_PATIENCE_MS 50 /* verbs without a deadline, for a stopped holder */
#define H7_MAILBOX_TICK_NS 1000000000 /* how long a sleeper believes that nothing has come */
#define H7_MAILBOX_SWEEP_NS 100000000 /* between two looks for the places of the dead */

#define H7_MAILBOX_TRIES 10000 /* of a swap, against who writes without end */

#define H7_SLOT_QUEUED 0x80000000u

struct h7_mailbox_slot {
    struct h7_a32 state;
    struct h7_a32 next, fwd;
    struct h7_a32 what; /* number | bytes << 8 */
    struct h7_a32 pid, uid;
    uint64_t reserved;
    unsigned char payload[HEPTA_MAILBOX_PAYLOAD_MAX];
} __attribute__((aligned(128)));

struct h7_mailbox_list {
    struct h7_a32 head, tail;
};

struct h7_mailbox_shared {
    uint32_t depth;
    struct h7_a64 used __attribute__((aligned(H7_APART)));
    struct h7_a64 blocked;
    struct h7_a32 event, want;
    struct h7_a32 starved, unlinked;
    struct h7_a32 stack[H7_MAILBOX_QUEUES] __attribute__((aligned(H7_APART)));
    struct h7_a64 who[32] __attribute__((aligned(H7_APART))); /* [0] isn't used */
    struct h7_lock lock __attribute__((aligned(H7_APART)));
    struct h7_a32 dirty;
    struct h7_a32 receiver;
    struct h7_a32 reserved;
    struct h7_a64 moving, given, given_who;
    struct h7_a64 received, recovered;
    struct h7_mailbox_list ready[H7_MAILBOX_QUEUES];
    struct {
        struct h7_a64 mark;
        struct h7_a32 pid;
    } life[2];
    struct h7_a64 freed __attribute__((aligned(H7_APART)));
    struct h7_a64 swept;
    struct h7_a64 coalesced, refused;
};

struct hepta_mailbox {
    struct h7_handle handle;
    uint32_t depth, flags;
    struct h7_mailbox_shared *shared;
    struct h7_mailbox_slot *slots;
    struct h7_a64 gen;  /* fork generation in which the handle was last found valid */
    struct h7_a64 me;   /* pid << 32 | uid */
    struct h7_a64 full; /* freed + 1, when there was no free place */
    struct h7_a32 hint; /* where to look for one */
    struct h7_a32 turn; /* shared->receiver while this handle receives; else 0 */
    struct h7_a32 gone; /* its name was seen to be gone */
    struct h7_waiter waiter;
    /* mailbox_fd.c: descriptors + 1; under the lock: ns at which the timer runs down, or 0 */
    struct h7_a32 epoll, timer;
    struct h7_a32 heard;
    struct h7_a64 tick_at;
    uint64_t pidns;           /* of the process that opened it */
    uint64_t dev, ino;        /* which object */
    int bell;                 /* opened for reading and writing, so that it never hangs up */
    struct hepta_mailbox *next; /* of this process's, mailbox_open.c */
    struct h7_segment seg;
};

/* --- any number of senders, and the receiver --------------------------------------------- */

int h7_mailbox_revalidate(struct hepta_mailbox *b);

static inline int h7_mailbox_enter(struct hepta_mailbox *b)
{
    if (h7_unlikely(!b))
        return -EINVAL;
    if (h7_unlikely(h7_load32_relaxed(&b->handle.kind) != H7_KIND_MAILBOX))
        return -EBADF;
    if (h7_unlikely(h7_load64_relaxed(&b->gen) != h7_fork_gen()))
        return h7_mailbox_revalidate(b);
    return 0;
}

/* at: place + 1, checked. */
static inline struct h7_mailbox_slot *h7_mailbox_slot(const struct hepta_mailbox *b, uint32_t at)
{
    return &b->slots[at - 1];
}

static inline int h7_mailbox_is_place(const struct hepta_mailbox *b, uint32_t at)
{
    return at - 1 < b->depth;
}

/* Is a number pending? Without the lock: in the order in which a place wanders. */
static inline int h7_mailbox_has(const struct h7_mailbox_shared *s, int n)
{
    if (n < H7_MAILBOX_FIRST)
        return h7_load64_relaxed(&s->who[n]) != 0;
    uint32_t q = (uint32_t)n - H7_MAILBOX_FIRST;
    /* Acquire, both: what is read next is at least as new. */
    return h7_load32_acquire(&s->stack[q]) != 0 ||
           (h7_load64_acquire(&s->moving) & 0xff) == (uint64_t)n ||
           h7_load32_relaxed(&s->ready[q].head) != 0;
}

/* Is one of these pending? */
static inline uint64_t h7_mailbox_any(const struct h7_mailbox_shared *s, uint64_t set)
{
    for (uint64_t left = set & h7_load64_relaxed(&s->used); left; left &= left - 1)
        if (h7_mailbox_has(s, __builtin_ctzll(left) + 1))
            return left & -left;
    return 0;
}

static inline int h7_mailbox_ready(const struct h7_mailbox_shared *s)
{
    return h7_mailbox_any(s, ~h7_load64_relaxed(&s->blocked)) != 0;
}

/* Does a living process receive? Some system calls. */
int h7_mailbox_is_received(const struct h7_mailbox_shared *s);
/* Its identity; 0: there is none. */
int h7_mailbox_receiver(const struct h7_mailbox_shared *s, struct h7_life *who);

/* Wake who sleeps. Async-signal-safe. After what he is to see, and a full fence. */
void h7_mailbox_call(struct h7_mailbox_shared *s);

/* --- mailbox_fd.c ------------------------------------------------------------------------ */

/* Ring, if it is wanted. Async-signal-safe. */
void h7_mailbox_ring(struct hepta_mailbox *b);
/* Under the lock, with nothing to take, or a new mask: the level as it should be. */
void h7_mailbox_level(struct hepta_mailbox *b);
/* Under the lock: from here on nobody polls. */
void h7_mailbox_no_level(struct h7_mailbox_shared *s);
void h7_mailbox_close_fd(struct hepta_mailbox *b);

static inline int h7_mailbox_is_polled(const struct hepta_mailbox *b)
{
    return h7_load32_relaxed(&b->epoll) != 0;
}

/* --- under the lock ---------------------------------------------------------------------- */

/* 0, or as h7_lock(); what a dead holder left is mended. -EBADMSG. */
int h7_mailbox_lock_slow(struct hepta_mailbox *b, int r, int64_t deadline);

static inline int h7_mailbox_lock(struct hepta_mailbox *b, int64_t deadline)
{
    int r = h7_lock(&b->shared->lock, deadline);
    if (h7_likely(r == 0 && h7_load32_relaxed(&b->shared->dirty) == 0))
        return 0;
    return h7_mailbox_lock_slow(b, r, deadline);
}

static inline void h7_mailbox_unlock(struct hepta_mailbox *b)
{
    h7_unlock(&b->shared->lock);
}

static inline int64_t h7_mailbox_patience(void)
{
    return hepta_in_ms(H7_MAILBOX_PATIENCE_MS);
}

static inline uint64_t h7_mailbox_note(int n, uint32_t at)
{
    return (uint64_t)at << 8 | (uint64_t)n;
}

/* A QUEUED place in no list. */
static inline void h7_mailbox_free(struct hepta_mailbox *b, uint32_t at)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t count = (h7_load64_relaxed(&s->freed) >> 16) + 1;
    /* Release, with a sender's claim: what was read of it has been read. */
    h7_store32_release(&h7_mailbox_slot(b, at)->state, 0);
    h7_store64_release(&s->freed, count << 16 | (at - 1));
}

/* mailbox_take.c. The lowest number that isn't blocked; 0: none; -EBADMSG. */
int h7_mailbox_take(struct hepta_mailbox *b, struct hepta_signal_info *info);
/* What was given is done. */
void h7_mailbox_forget(struct hepta_mailbox *b);
/* Turn the stack of a queue over. 0, -EAGAIN (not this time), -EBADMSG. */
int h7_mailbox_move(struct hepta_mailbox *b, uint32_t q);
/* Its second half, which may be done again: at is the newest place. */
int h7_mailbox_link(struct hepta_mailbox *b, uint32_t q, uint32_t at);
/* Is a place in the stack of a queue? 1, 0, -EBADMSG. */
int h7_mailbox_in_stack(const struct hepta_mailbox *b, uint32_t q, uint32_t at);

/* mailbox_mend.c. All of B5 to B8; with again, B9. */
int h7_mailbox_mend(struct hepta_mailbox *b, int again);
/* B1, B7. 0, -EBADMSG. */
int h7_mailbox_sweep(struct hepta_mailbox *b);
int h7_mailbox_check(const struct hepta_mailbox *b, char *why, size_t n);

#endif
