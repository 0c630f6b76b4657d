/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem.c - the verbs of a semaphore, wherever it lies
 *
 * Start at hepta_sem_post() and hepta_sem_wait(): a compare-and-swap each, unless somebody
 * sleeps. The rest is calling a sleeper, and sleeping; why nobody sleeps on is said in
 * sem_internal.h, by W1 to W5.
 */
#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "prim/lock.h"
#include "semaphore/sem_internal.h"

int hepta_sem_init(hepta_sem_t *sem, uint32_t value)
{
    if (!sem || (uintptr_t)sem % _Alignof(hepta_sem_t) != 0 || value > HEPTA_SEM_VALUE_MAX)
        return -EINVAL;
    h7_sem_fill((struct h7_sem *)(void *)sem, H7_SEM_PLAIN, value);
    return 0;
}

int hepta_sem_destroy(hepta_sem_t *sem)
{
    struct h7_sem *s = h7_sem_at(sem);
    uint32_t kind = H7_SEM_PLAIN;
    return s && h7_cas32_relaxed(&s->kind, &kind, 0) ? 0 : -EINVAL;
}

int hepta_sem_value(const hepta_sem_t *sem)
{
    const struct h7_sem *s = h7_sem_at(sem);
    if (!s)
        return -EINVAL;
    uint32_t value = H7_SEM_VALUE(h7_load64_relaxed(&s->state)); /* it is old news anyway */
    return value > HEPTA_SEM_VALUE_MAX ? (int)HEPTA_SEM_VALUE_MAX : (int)value;
}

/* --- post ------------------------------------------------------------------------------ */

static uint32_t my_call(const struct h7_self *self)
{
    return (self ? self->tid : (uint32_t)h7_sys_gettid()) | H7_LOCK_WAITERS;
}

/* Call one sleeper: event first, so that one on its way doesn't fall asleep. Returns how many
 * were woken. Release: the commit comes before the change; the kernel reads event behind a full
 * barrier of its own. */
static int call(struct h7_sem *s, uint32_t word)
{
    h7_store32_release(&s->event, word);
    return h7_sys_futex_wake(&s->event, 1);
}

/* Commit, and call whoever has arrived. W1 before the commit, W2 until the call is done. */
static int commit_and_call(struct h7_sem *s, uint32_t word)
{
    uint64_t now = h7_load64_relaxed(&s->state);
    h7_store32_relaxed(&s->event, word); /* before the commit: the kernel looks for the TID */
    do {
        if (H7_SEM_VALUE(now) >= HEPTA_SEM_VALUE_MAX)
            return -EOVERFLOW;
        /* Release, for who takes it. Acquire, with the release in arrive(): the change of event
         * below comes after the one before an arrival that is seen here. */
    } while (!h7_cas64_acq_rel(&s->state, &now, now + 1));
    now++;
    if (H7_SEM_ARRIVALS(now) == 0)
        return 0;
    /* Relaxed: advice for later posts, and void if anything has changed. */
    if (call(s, word) == 0)
        h7_cas64_relaxed(&s->state, &now, H7_SEM_VALUE(now));
    return 0;
}

/* Not inlined, as wait_long(): the fast ways then save no registers, a fifth of their time.
 *
 * Pending may be in use: a signal handler that posts can have interrupted any verb. It gets back
 * what it had. */
static __attribute__((noinline)) int post_to_sleepers(struct h7_sem *s)
{
    struct h7_self *self = h7_self();
    if (!self) /* a thread without a robust list: not a death of his is seen, W2 */
        return commit_and_call(s, my_call(NULL));
    void *pending = self->head->pending;
    h7_lock_turn(&s->event);
    int r = commit_and_call(s, my_call(self));
    h7_fence_compiler();
    self->head->pending = pending;
    return r;
}

int hepta_sem_post(hepta_sem_t *sem)
{
    struct h7_sem *s = h7_sem_at(sem);
    if (h7_unlikely(!s))
        return -EINVAL;
    uint64_t now = h7_load64_relaxed(&s->state);
    while (h7_likely(H7_SEM_ARRIVALS(now) == 0)) {
        if (h7_unlikely(H7_SEM_VALUE(now) >= HEPTA_SEM_VALUE_MAX))
            return -EOVERFLOW;
        /* Release, with the acquire in take(): all that was done before. */
        if (h7_likely(h7_cas64_release(&s->state, &now, now + 1)))
            return 0;
    }
    return post_to_sleepers(s);
}

/* --- wait ------------------------------------------------------------------------------ */

/* Whoever waits; private to the thread. */
struct waiting {
    struct h7_sem *s;
    int64_t deadline;
    int64_t alone_at;  /* not before then */
    uint32_t arrivals; /* after my last arrival; 0: I never arrived */
    int alone;         /* no other sleeps */
};

/* *was: the state before, if one was taken. */
static inline bool take(struct h7_sem *s, uint64_t *was)
{
    *was = h7_load64_relaxed(&s->state);
    while (H7_SEM_VALUE(*was) > 0)
        /* Acquire, with the release of a post. */
        if (h7_likely(h7_cas64_acquire(&s->state, was, *was - 1)))
            return true;
    return false;
}

/* Who has arrived may have cleared the event that was to keep others awake: if there is more than
 * I took, one of them is called. */
static bool take_and_call(struct waiting *w)
{
    uint64_t was;
    if (!take(w->s, &was))
        return false;
    if (w->arrivals && H7_SEM_VALUE(was) > 1 && H7_SEM_ARRIVALS(was) > 0)
        call(w->s, my_call(h7_self()));
    return true;
}

/* The value counts if it is seen in the same step as the arrival. */
static uint64_t arrive(struct waiting *w)
{
    struct h7_sem *s = w->s;
    uint64_t was = h7_load64_relaxed(&s->state), now;
    do {
        uint32_t n = H7_SEM_ARRIVALS(was) + 1;
        now = H7_SEM_STATE(H7_SEM_VALUE(was), n ? n : 1);
        /* Release, with the acquire of a commit: event was cleared before. */
    } while (!h7_cas64_release(&s->state, &was, now));

    int64_t time = hepta_now_ns();
    int same = w->arrivals && H7_SEM_ARRIVALS(was) == w->arrivals; /* none came since my last */
    if (!same)
        w->alone_at = time + H7_SEM_ALONE_NS;
    w->alone = H7_SEM_ARRIVALS(was) == 0 || (same && (w->alone || time >= w->alone_at));
    w->arrivals = H7_SEM_ARRIVALS(now);
    return now;
}

/* 0 look again; -ETIMEDOUT it was I who wanted to; -EINTR, -EINVAL. */
static int sleep_once(struct waiting *w)
{
    struct h7_sem *s = w->s;
    if (h7_load32_relaxed(&s->event) != 0) /* else it would only take the cache line away */
        h7_store32_relaxed(&s->event, 0);
    if (H7_SEM_VALUE(arrive(w)) > 0)
        return 0;
    if (!h7_sem_at((const hepta_sem_t *)(const void *)s))
        return -EINVAL; /* destroyed under us: not for ever */
    int64_t tick = hepta_now_ns() + (w->alone ? H7_SEM_FAR_NS : H7_SEM_TICK_NS);
    int r = h7_sys_futex_wait(&s->event, 0, h7_earlier(tick, w->deadline));
    return r == -EAGAIN ? 0 : r;
}

static bool is_ready(void *s)
{
    return H7_SEM_VALUE(h7_load64_relaxed(&((struct h7_sem *)s)->state)) > 0;
}

static const struct h7_wait_ops awake = {.os = &h7_waiter_os, .ready = is_ready};

static int wait_for(struct waiting *w)
{
    int r = 0;
    for (;;) {
        if (r == 0) /* not after a look that I took only to be sure */
            h7_wait_awake(&w->s->spin, &w->s->yield, H7_SPIN_ADAPTIVE_NS, &awake, w->s,
                          w->deadline);
        if (take_and_call(w))
            return 0;
        if (w->deadline != HEPTA_FOREVER && hepta_now_ns() >= w->deadline)
            return -ETIMEDOUT;
        r = sleep_once(w);
        if (r == -EINTR || r == -EINVAL)
            return r;
        if (take_and_call(w))
            return 0;
    }
}

static __attribute__((noinline)) int wait_long(struct h7_sem *s, int64_t deadline)
{
    struct waiting w = {.s = s, .deadline = h7_deadline(deadline)};
    return wait_for(&w);
}

int hepta_sem_wait(hepta_sem_t *sem, int64_t deadline)
{
    struct h7_sem *s = h7_sem_at(sem);
    uint64_t was;
    if (h7_unlikely(!s))
        return -EINVAL;
    if (h7_likely(take(s, &was)))
        return 0;
    if (deadline == HEPTA_NOW)
        return -EAGAIN;
    return wait_long(s, deadline);
}
