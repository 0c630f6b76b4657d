/* SPDX-License-Identifier: MIT */
/* prim/claim.c - see prim/claim.h */
#include "prim/claim.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "prim/life.h"

int h7_claim_mine(const struct h7_claim *c)
{
    const struct h7_self *s = h7_self();
    struct h7_life me;
    if (!s || h7_load32_relaxed(&c->state) == 0 || h7_load32_relaxed(&c->tid) != s->tid)
        return 0;
    /* The mark: a dead owner's TID may be ours by now. */
    return h7_life_self(&me) == 0 && h7_load64_relaxed(&c->mark) == me.mark;
}

int h7_claim_take(struct h7_claim *c)
{
    struct h7_life me;
    int r = h7_life_self(&me);
    if (r < 0)
        return r;
    /* Relaxed below: under the lock; state comes last for who dies in between. */
    uint32_t n = (h7_load32_relaxed(&c->n) + 1) & ~H7_CLAIM_HELD;
    h7_store32_relaxed(&c->n, n);
    h7_store32_relaxed(&c->tid, h7_self_cache.tid);
    h7_store32_relaxed(&c->pid, me.pid);
    h7_store64_relaxed(&c->mark, me.mark);
    h7_store32_release(&c->state, H7_CLAIM_HELD | n);
    return 0;
}

void h7_claim_drop(struct h7_claim *c)
{
    h7_store32_release(&c->state, 0);
    h7_fence_full(); /* state before waiters; the other side is h7_claim_announce() */
    if (h7_load32_relaxed(&c->waiters)) {
        h7_store32_relaxed(&c->waiters, 0);
        h7_sys_futex_wake(&c->state, INT_MAX);
    }
}

int h7_claim_orphaned(const struct h7_claim *c)
{
    struct h7_life owner = {.mark = h7_load64_relaxed(&c->mark),
                            .pid = h7_load32_relaxed(&c->pid)};
    if (!h7_claim_held(c))
        return 0;
    /* The thread, too: nobody else can end what an exited thread began. */
    return !h7_sys_thread_exists((pid_t)owner.pid, (pid_t)h7_load32_relaxed(&c->tid)) ||
           !h7_life_alive(&owner);
}

int h7_claim_recover(struct h7_claim *c)
{
    if (!h7_claim_held(c))
        return 1;
    if (!h7_claim_orphaned(c))
        return 0;
    h7_claim_drop(c);
    return 1;
}

uint32_t h7_claim_announce(struct h7_claim *c)
{
    h7_store32_relaxed(&c->waiters, 1);
    h7_fence_full(); /* waiters before state; with the fence in h7_claim_drop() */
    return h7_load32_relaxed(&c->state);
}

int h7_claim_wait(struct h7_claim *c, uint32_t seen, int64_t deadline)
{
    int64_t tick = hepta_now_ns() + H7_CLAIM_TICK_NS;
    int r = h7_sys_futex_wait(&c->state, seen, h7_earlier(tick, deadline));
    return r == -EINTR ? r : 0;
}

int h7_claim_check(const struct h7_claim *c)
{
    uint32_t state = h7_load32_relaxed(&c->state);
    if (state == 0)
        return 0;
    if (state != (H7_CLAIM_HELD | h7_load32_relaxed(&c->n)) || h7_load32_relaxed(&c->tid) == 0 ||
        h7_load32_relaxed(&c->pid) == 0)
        return -EBADMSG;
    return 0;
}
