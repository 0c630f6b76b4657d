/* SPDX-License-Identifier: MIT */
/*
 * prim/waiter.h - how a verb waits: spin or yield while it pays, nap, sleep on the bell
 *
 * Use: fill a const struct h7_wait_ops, call h7_wait() when the verb can't proceed, and
 * try the verb again when it returns 0. h7_wait() is inlined into its caller, so that the
 * spin loop looks at memory, not through a pointer.
 *
 * Four stages, because no single one is right:
 *   spin   while the other side runs on another core.
 *   yield  the core to the other side, if it is here and runnable: half the price of a
 *          sleep and a wake-up. Both are learned: after three in a row that did not pay the
 *          waiter skips 4, 8, ... 4096 waits, and one that pays clears that.
 *   nap    at most H7_NAP_NS on the futex word "event". The other side wakes it after its
 *          commit and without its lock: the cheapest wake-up there is, and the woken side
 *          finds everything done. It knows nothing of deaths, but it ends.
 *   sleep  on the bell (prim/bell.h): without limit, sees end-of-file, is rung under the
 *          lock before the commit, so that no death leaves it silent.
 *
 * Why no wake-up is lost: the nap arms event, full barrier, looks at the condition; the
 * other side changes the condition, full barrier, looks at event. The sleep announces and
 * looks under the other side's lock. If the other side dies between its commit and its
 * wake-up, the nap ends by itself and the sleep's last look sees the commit. (It also
 * ends by itself in one rare case without a death: the waker has seen an older napper's
 * amount, a second napper arms the same one again, and the wake-up comes before the first
 * is in the kernel.)
 * models/waiter.pml is this protocol with deaths; `./check --long` verifies it.
 *
 * Shared layout, struct h7_event:
 *   field  written by          meaning
 *   word   napper, waker       futex word: 0 nobody naps; else the smallest amount (bytes
 *                              free or there) that a napper waits for
 *
 * The clock and the pause come from ops->os, so that tests control time.
 */
#ifndef H7_PRIM_WAITER_H
#define H7_PRIM_WAITER_H

#include <errno.h>
#include <hepta/base.h>
#include <sched.h>

#include "base/atomic.h"
#include "base/clock.h"

#define H7_SPIN_ADAPTIVE_NS 80000 /* above the time that waking an idle core takes */
#define H7_SPIN_SLEEP_NS 4000
#define H7_SPIN_MAX_NS 1000000
#define H7_BUSY_LOOK_NS 2000000 /* how often a busy waiter asks whether the peer lives */
#define H7_YIELDS 3
#define H7_YIELD_NS 50000 /* more than this for a yield is no bargain */
#define H7_NAP_NS 2000000 /* so long a killed peer's end-of-file can go unseen */
#define H7_SPIN_PAUSES 4
#define H7_SPINS_PER_LOOK 32    /* between two looks at the clock */

enum { H7_WAIT_AGAIN = 0, H7_WAIT_HANGUP = 1 };

struct h7_waiter_os {
    int64_t (*now)(void);
    void (*pause)(void);
    void (*yield)(void);
};

static inline void h7_waiter_os_pause(void)
{
    h7_pause();
}
static inline void h7_waiter_os_yield(void)
{
    sched_yield();
}
/* The real one. In the header, so that the calls are inlined. */
static const struct h7_waiter_os h7_waiter_os __attribute__((unused)) = {
    hepta_now_ns, h7_waiter_os_pause, h7_waiter_os_yield};

/* Does something pay? */
struct h7_habit {
    struct h7_a32 misses; /* in a row that did not */
    struct h7_a32 skip;   /* times left without trying */
};

/* Private to the process; threads may share it: every field is only advice. */
struct h7_waiter {
    struct h7_a32 mode;   /* enum hepta_wait */
    struct h7_a32 max_ns; /* longest spin */
    struct h7_habit spin, yield;
};

struct h7_event {
    struct h7_a32 word;
};

struct h7_wait_ops {
    const struct h7_waiter_os *os;
    /* Would the verb proceed? Cheap, no lock, may be stale. */
    bool (*ready)(void *ctx);
    /* Has it been seen already, cheaply, that the other side is gone? */
    bool (*gone)(void *ctx);
    /* Arm the event, look again, nap at most ns. 1 woken or ready, 0 the time is up, -EINTR. */
    int (*nap)(void *ctx, int64_t ns);
    /* Make the sleeper visible, look again. 1 ready after all, 0 sleep, negative errno. */
    int (*announce)(void *ctx, int64_t deadline);
    /* H7_WAIT_AGAIN (woken, deadline, or no reason), H7_WAIT_HANGUP, -EINTR. */
    int (*sleep)(void *ctx, int64_t deadline);
    /* H7_WAIT_HANGUP if the other side is gone, else 0. For who never sleeps. */
    int (*hangup)(void *ctx);
};

/* Napper: what to futex-wait for, having armed the event for amount; full barrier. */
uint32_t h7_event_arm(struct h7_event *e, uint32_t amount);
/* Napper: as h7_sys_futex_nap(). 1 woken or changed, 0 time is up, -EINTR. */
int h7_event_nap(struct h7_event *e, uint32_t armed, int64_t ns);
/* Waker, after commit and full barrier: the fast path's only question. */
static inline uint32_t h7_event_armed(const struct h7_event *e)
{
    return h7_load32_relaxed(&e->word); /* relaxed: ordered by that barrier */
}
/* Waker: wake all nappers; each looks for itself. */
void h7_event_wake(struct h7_event *e);

void h7_waiter_init(struct h7_waiter *w, uint32_t mode, uint32_t spin_ns);
bool h7_habit_try(struct h7_habit *h);
void h7_habit_learn(struct h7_habit *h, bool paid);

/* Spin until ready or until the time is up. The first round needs no clock: a peer that
 * answers at once is the common case, and the clock costs as much as the answer. The first
 * look comes after some pauses: no answer is faster, and a peer that streams gets its
 * cache line back to put more than one message behind it. */
static inline __attribute__((always_inline)) bool
h7_spin_until(const struct h7_wait_ops *ops, void *ctx, int64_t for_ns)
{
    int64_t end = 0;
    for (int i = 0; i < H7_SPIN_PAUSES; i++)
        ops->os->pause();
    do {
        for (int i = 0; i < H7_SPINS_PER_LOOK; i++) {
            if (ops->ready(ctx))
                return true;
            ops->os->pause();
        }
        int64_t now = ops->os->now();
        if (end == 0)
            end = now + for_ns;
        else if (now >= end)
            return ops->ready(ctx);
    } while (1);
}

static inline __attribute__((always_inline)) int
h7_wait_busy(const struct h7_wait_ops *ops, void *ctx, int64_t deadline)
{
    for (;;) {
        if (h7_spin_until(ops, ctx, H7_BUSY_LOOK_NS))
            return H7_WAIT_AGAIN;
        if (ops->hangup(ctx))
            return H7_WAIT_HANGUP;
        if (deadline != HEPTA_FOREVER && ops->os->now() >= deadline)
            return -ETIMEDOUT;
    }
}

/* Give the core away a few times. It pays only if it comes back soon: where others
 * compete for the core, a yield can cost their whole time slice, and a sleeper would be
 * woken ahead of them. */
static inline __attribute__((always_inline)) bool
h7_yield_until(struct h7_habit *h, const struct h7_wait_ops *ops, void *ctx)
{
    int64_t start = ops->os->now();
    bool ready = false;
    for (int i = 0; i < H7_YIELDS && !ready; i++) {
        ops->os->yield();
        ready = ops->ready(ctx);
    }
    h7_habit_learn(h, ready && ops->os->now() - start < H7_YIELD_NS);
    return ready;
}

/* The first two stages, which need no more of ops than the clock, the pause, the yield, and
 * ready. Also for who sleeps in a way of his own. */
static inline __attribute__((always_inline)) bool
h7_wait_awake(struct h7_habit *spin, struct h7_habit *yield, int64_t max_ns,
              const struct h7_wait_ops *ops, void *ctx, int64_t deadline)
{
    if (h7_habit_try(spin)) {
        if (deadline != HEPTA_FOREVER)
            max_ns = h7_earlier(max_ns, deadline - ops->os->now());
        bool paid = h7_spin_until(ops, ctx, max_ns);
        h7_habit_learn(spin, paid);
        if (paid)
            return true;
    }
    return h7_habit_try(yield) && h7_yield_until(yield, ops, ctx);
}

/**
 * h7_wait() - wait until the verb may proceed
 *
 * Return: H7_WAIT_AGAIN (try the verb), H7_WAIT_HANGUP (the other side is gone: try once
 * more, then give up), -EAGAIN (HEPTA_NOW), -ETIMEDOUT, -EINTR, or what announce gave.
 */
static inline __attribute__((always_inline)) int
h7_wait(struct h7_waiter *w, const struct h7_wait_ops *ops, void *ctx, int64_t deadline)
{
    if (deadline == HEPTA_NOW)
        return -EAGAIN;
    if (h7_load32_relaxed(&w->mode) == HEPTA_WAIT_BUSY) {
        /* A near deadline bounds each round; looking every 2 ms is too coarse for it. */
        int64_t left = deadline == HEPTA_FOREVER ? deadline : deadline - ops->os->now();
        if (left < H7_BUSY_LOOK_NS)
            return h7_spin_until(ops, ctx, left > 0 ? left : 0) ? H7_WAIT_AGAIN
                   : ops->hangup(ctx)                           ? H7_WAIT_HANGUP
                                                                : -ETIMEDOUT;
        return h7_wait_busy(ops, ctx, deadline - H7_BUSY_LOOK_NS) == H7_WAIT_HANGUP;
    }
    if (h7_wait_awake(&w->spin, &w->yield, h7_load32_relaxed(&w->max_ns), ops, ctx, deadline))
        return H7_WAIT_AGAIN;
    int64_t nap = H7_NAP_NS;
    if (deadline != HEPTA_FOREVER)
        nap = h7_earlier(nap, deadline - ops->os->now());
    if (ops->gone(ctx))
        return H7_WAIT_HANGUP;
    if (nap <= 0)
        return ops->hangup(ctx) ? H7_WAIT_HANGUP : -ETIMEDOUT;
    int r = ops->nap(ctx, nap);
    if (r != 0)
        return r < 0 ? r : H7_WAIT_AGAIN;
    r = ops->announce(ctx, deadline);
    if (r != 0)
        return r < 0 ? r : H7_WAIT_AGAIN;
    return ops->sleep(ctx, deadline);
}

#endif
