/* SPDX-License-Identifier: MIT */
/*
 * prim/lock.h - the one-word robust lock
 *
 * A futex word in shared memory that says who holds it. The kernel recovers it when the
 * holder dies: before the compare-and-swap the thread puts the word's address into the
 * "pending" field of its own robust list head (private memory), and takes it out after
 * the unlock. The kernel looks there when the thread dies, so shared memory holds no
 * pointer that a broken peer could bend.
 *
 * Rules for whoever takes it:
 *   - one lock per thread at a time: there is one pending field (a second is -EDEADLK);
 *   - only inside a verb: never across user code, a callback, a libc lock or a wait;
 *   - copy at most 64 KiB while holding it: a stopped holder stops everybody;
 *   - -EOWNERDEAD means that it is held, and that the last holder died inside: mend what
 *     it guards, then go on. Unlock makes it clean again.
 *
 * States of the word (futex word):
 *   0                      free
 *   TID                    held, nobody waits
 *   TID | WAITERS          held, somebody may sleep on the word
 *   OWNER_DIED [| WAITERS] free, the last holder died (written by the kernel, get_robust_list(2))
 *
 * Where a holder can die, and who mends it:
 *   C1 pending set, word not yet ours    nothing happened; at a 0 word a waiter is woken
 *   C2 between CAS and unlock            kernel: OWNER_DIED, one waiter woken
 *   C3 between unlock and futex_wake     kernel: pending still points to a 0 word: one waiter woken
 *   C4 pending lost (a robust pthread mutex was taken inside by a signal handler, or the
 *      libc list is garbage)             contenders ask every 50 ms whether the TID lives
 *   C5 a woken waiter dies               the others' waits end after 50 ms and look again
 *
 * Limits: a TID is an id of one PID namespace, so an object must be used from one only
 * (prim/segment.h checks). In case C4 a TID that was reused at once looks alive.
 */
#ifndef H7_PRIM_LOCK_H
#define H7_PRIM_LOCK_H

#include <errno.h>

#include "base/atomic.h"
#include "base/self.h"

#define H7_LOCK_WAITERS 0x80000000u    /* FUTEX_WAITERS */
#define H7_LOCK_OWNER_DIED 0x40000000u /* FUTEX_OWNER_DIED */
#define H7_LOCK_TID 0x3fffffffu        /* FUTEX_TID_MASK */

#define H7_LOCK_TICK_NS 50000000 /* how long a contender believes that the holder lives */
#define H7_LOCK_GRACE_NS 10000000 /* how long HEPTA_NOW waits for a running holder */

struct h7_lock {
    struct h7_a32 word;
};

int h7_lock_slow(struct h7_lock *l, int64_t deadline);
/* A second one, held inside the first: pending stays with that one, so this one's holder is only
 * found dead as in C4. Errors and -EOWNERDEAD as h7_lock(), but for -EDEADLK. Taken by all in one
 * order, first the other. */
int h7_lock_second(struct h7_lock *l, int64_t deadline);
void h7_lock_wake(struct h7_lock *l);

static inline void h7_lock_pend(struct h7_self *s, struct h7_lock *l)
{
    s->head->pending = (char *)l - s->head->futex_offset;
    h7_fence_compiler(); /* before the CAS, as the kernel sees this thread: its own order */
}

static inline void h7_lock_unpend(struct h7_self *s)
{
    h7_fence_compiler();
    s->head->pending = (void *)0;
}

/**
 * h7_lock() - take the lock
 *
 * HEPTA_NOW still waits up to 10 ms for a holder: it is a verb that runs, not a queue.
 *
 * Return: 0, -EOWNERDEAD (taken; mend first), or not taken: -EAGAIN, -ETIMEDOUT,
 * -EDEADLK (this thread holds a lock), -EBADMSG (the word says that this thread holds
 * it), -ENOSYS, -ENOMEM.
 */
static inline int h7_lock(struct h7_lock *l, int64_t deadline)
{
    struct h7_self *s = h7_self();
    if (h7_unlikely(!s)) {
        int r = h7_self_fill();
        if (r < 0)
            return r;
        s = &h7_self_cache;
    }
    if (h7_unlikely(s->head->pending))
        return -EDEADLK;
    h7_lock_pend(s, l);
    uint32_t v = 0;
    /* Acquire, with the release in h7_unlock(): all that the last holder wrote. */
    if (h7_likely(h7_cas32_acquire(&l->word, &v, s->tid)))
        return 0;
    return h7_lock_slow(l, deadline);
}

/* Give it back. Linearization point: the swap. */
static inline void h7_unlock(struct h7_lock *l)
{
    uint32_t old = h7_swap32_release(&l->word, 0);
    if (h7_unlikely(old & H7_LOCK_WAITERS))
        h7_lock_wake(l); /* C3 until this has returned */
    h7_lock_unpend(&h7_self_cache);
}

/* The other end of h7_lock_second(), and of a lock whose holder has turned pending to another
 * word: pending stays as it is. */
static inline void h7_unlock_second(struct h7_lock *l)
{
    uint32_t old = h7_swap32_release(&l->word, 0);
    if (h7_unlikely(old & H7_LOCK_WAITERS))
        h7_lock_wake(l); /* who dies before it: C5 */
}

/* Turn pending from the lock that is held to another word, which is waited for as prim/sleepers.h
 * says; from here to its unlock the lock's holder is found dead as in C4. */
static inline void h7_lock_turn(struct h7_a32 *word)
{
    h7_fence_compiler();
    h7_self_cache.head->pending = (char *)word - h7_self_cache.head->futex_offset;
    h7_fence_compiler();
}

/* 1 if the calling thread is the holder. For checks. */
static inline int h7_lock_mine(const struct h7_lock *l)
{
    return (h7_load32_relaxed(&l->word) & H7_LOCK_TID) == h7_self_cache.tid;
}

#endif
