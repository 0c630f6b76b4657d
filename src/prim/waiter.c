/* SPDX-License-Identifier: MIT */
/* prim/waiter.c - the event, and what a waiter learns; see prim/waiter.h */
#include "prim/waiter.h"

#include <limits.h>

#include "base/sys.h"

#define MISSES_ALLOWED 3
#define LOG2_SKIP_MAX 12

uint32_t h7_event_arm(struct h7_event *e, uint32_t amount)
{
    uint32_t v = h7_load32_relaxed(&e->word);
    while ((v == 0 || v > amount) && !h7_cas32_relaxed(&e->word, &v, amount))
        ;
    h7_fence_full(); /* event before the look; with the barrier after a commit */
    return v == 0 || v > amount ? amount : v;
}

int h7_event_nap(struct h7_event *e, uint32_t armed, int64_t ns)
{
    int r = h7_sys_futex_nap(&e->word, armed, ns);
    if (r == -EINTR)
        return r;
    return r != -ETIMEDOUT;
}

void h7_event_wake(struct h7_event *e)
{
    h7_store32_relaxed(&e->word, 0);
    h7_sys_futex_wake(&e->word, INT_MAX);
}

void h7_waiter_init(struct h7_waiter *w, uint32_t mode, uint32_t spin_ns)
{
    uint32_t max = spin_ns ? spin_ns : H7_SPIN_ADAPTIVE_NS;
    if (mode == HEPTA_WAIT_SLEEP && max > H7_SPIN_SLEEP_NS)
        max = H7_SPIN_SLEEP_NS;
    *w = (struct h7_waiter){0};
    h7_store32_relaxed(&w->mode, mode);
    h7_store32_relaxed(&w->max_ns, max);
}

bool h7_habit_try(struct h7_habit *h)
{
    uint32_t skip = h7_load32_relaxed(&h->skip);
    if (skip == 0)
        return true;
    h7_store32_relaxed(&h->skip, skip - 1);
    return false;
}

void h7_habit_learn(struct h7_habit *h, bool paid)
{
    uint32_t misses = paid ? 0 : h7_load32_relaxed(&h->misses) + 1;
    uint32_t log2_skip = misses - MISSES_ALLOWED + 2;
    if (log2_skip > LOG2_SKIP_MAX)
        log2_skip = LOG2_SKIP_MAX;
    h7_store32_relaxed(&h->skip, misses < MISSES_ALLOWED ? 0 : 1u << log2_skip);
    h7_store32_relaxed(&h->misses, misses);
}
