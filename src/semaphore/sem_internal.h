/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem_internal.h - a POSIX semaphore in 32 bytes: who writes what, and why no wake-up
 * is lost
 *
 * Reading order: this, sem.c (the verbs on the bytes), sem_named.c (a name for them). The protocol
 * is models/sem.pml; `./check --long` verifies it.
 *
 * Shared layout, struct h7_sem, in one half of a cache line:
 *   field   written by        meaning
 *   state   all               low half: the value. High half: arrivals, how many attempts to sleep
 *                             there were since somebody found that nobody sleeps; 0: nobody does
 *   event   sleeper, poster   futex word. 0 a sleeper has come; else somebody has called: his TID
 *                             with H7_LOCK_WAITERS, or H7_LOCK_OWNER_DIED from the kernel
 *   kind    maker             H7_SEM_PLAIN, H7_SEM_NAMED; 0 after hepta_sem_destroy()
 *   spin    sleeper           advice: does it pay? (prim/waiter.h) It lies here, not in the
 *   yield   sleeper           process: a semaphore has a habit, whoever waits
 *
 * Invariants, h7_sem_check():
 *   M1  the kind is one of the two
 *   M2  the value is at most HEPTA_SEM_VALUE_MAX
 *   M3  event is one of those above
 *
 * Linearization point of a post and of a take: the compare-and-swap of the state. While there are
 * no arrivals, that is all there is to a post.
 *
 * No wake-up is lost. A sleeper clears event, then arrives, looking at the value in the same step,
 * then has the kernel compare event with 0. A poster who commits while there are arrivals changes
 * event afterwards, then wakes one.
 *   - The sleeper arrived after the commit: it saw the value.
 *   - It arrived before: event is changed after it was cleared, so it doesn't fall asleep, or it
 *     slept already, and the wake-up finds it. But a second sleeper can clear event between the
 *     change and the first one's comparison. That one arrived after the commit, saw the value,
 *     and takes; whoever has arrived and takes calls one more if he leaves something ("baton").
 *   - A wake-up that found nobody makes arrivals 0, unless the state has changed since the commit:
 *     any new arrival, also of one that wakes up to look, changes it.
 *
 * Nor by a death:
 *   W1 poster, before the commit      nothing happened; a sleeper may be woken for nothing
 *   W2 poster, commit to wake-up      his robust "pending" word (get_robust_list(2)) is event,
 *                                     which names him or is 0: the kernel wakes one sleeper. Not
 *                                     if event names another poster by then, if a sleeper has
 *                                     cleared it and isn't asleep yet, or if pending was lost
 *                                     (prim/lock.h, C4): a sleeper's own look, below
 *   W3 poster, after the wake-up      arrivals stay: one system call more for the next post
 *   W4 sleeper, before it is woken    the same
 *   W5 sleeper, woken for a value     the others' own looks
 *   W6 sleeper, event cleared, not    the same, of those who fell asleep because of that
 *      yet taken or seen 0
 * A sleeper looks by itself every H7_SEM_TICK_NS; one that came when no other slept, so that it is
 * woken first (W5), every H7_SEM_FAR_NS. If another overtakes it on the way into the kernel, or
 * by its thread's priority, and is killed then, that is how long it takes.
 *
 * What a peer writes here is only compared: a state of nonsense is a wrong value.
 */
#ifndef H7_SEMAPHORE_SEM_INTERNAL_H
#define H7_SEMAPHORE_SEM_INTERNAL_H

#include <hepta/sem.h>

#include "base/atomic.h"
#include "prim/segment.h"
#include "prim/waiter.h"

#define H7_SEM_PLAIN 0x6d655301u /* "\1Sem" */
#define H7_SEM_NAMED 0x6d655302u

#define H7_SEM_TICK_NS 50000000
#define H7_SEM_FAR_NS 1000000000
/* So long without another's arrival, and nobody else sleeps: not even one that looks rarely. */
#define H7_SEM_ALONE_NS (H7_SEM_FAR_NS + 2 * (int64_t)H7_SEM_TICK_NS)

struct h7_sem {
    struct h7_a64 state;
    struct h7_a32 event;
    struct h7_a32 kind;
    struct h7_habit spin, yield;
};

_Static_assert(sizeof(struct h7_sem) == sizeof(hepta_sem_t) &&
                   offsetof(struct h7_sem, event) == offsetof(hepta_sem_t, event) &&
                   offsetof(struct h7_sem, kind) == offsetof(hepta_sem_t, kind),
               "what the header shows is what lies there");

#define H7_SEM_VALUE(state) ((uint32_t)(state))
#define H7_SEM_ARRIVALS(state) ((uint32_t)((state) >> 32))
#define H7_SEM_STATE(value, arrivals) ((uint64_t)(arrivals) << 32 | (uint32_t)(value))

/* What the pointer leads to, or NULL if it can't be a semaphore. */
static inline struct h7_sem *h7_sem_at(const hepta_sem_t *sem)
{
    struct h7_sem *s = (struct h7_sem *)(uintptr_t)sem;
    if (h7_unlikely((uintptr_t)sem % _Alignof(hepta_sem_t) != 0 || !sem))
        return NULL;
    uint32_t kind = h7_load32_relaxed(&s->kind); /* relaxed: its maker has told us where it is */
    return h7_likely(kind == H7_SEM_PLAIN || kind == H7_SEM_NAMED) ? s : NULL;
}

static inline void h7_sem_fill(struct h7_sem *s, uint32_t kind, uint32_t value)
{
    h7_store64_relaxed(&s->state, value);
    h7_store32_relaxed(&s->event, 0);
    for (int i = 0; i < 2; i++) {
        h7_store32_relaxed(&(i ? &s->yield : &s->spin)->misses, 0);
        h7_store32_relaxed(&(i ? &s->yield : &s->spin)->skip, 0);
    }
    h7_store32_release(&s->kind, kind); /* the last, for who looks too early */
}

int h7_sem_check(const struct h7_sem *s, char *why, size_t n);

#endif
