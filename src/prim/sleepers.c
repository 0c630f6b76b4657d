/* SPDX-License-Identifier: MIT */
/* prim/sleepers.c - see prim/sleepers.h. Reading order: enter, next, call, wake, sleep, leave. */
#define _GNU_SOURCE
#include "prim/sleepers.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/sys.h"

#define FAR_NS 1000000000 /* see prim/sleepers.h */

/* relaxed, all of them: under the guard; without it only to look, and then again under it */
static uint32_t high(const struct h7_sleepers *s)
{
    uint32_t n = h7_load32_relaxed(&s->high);
    return n < H7_SLEEPERS ? n : H7_SLEEPERS; /* whatever a peer writes there */
}

static uint32_t state_of(const struct h7_sleepers *s, int i)
{
    return h7_load32_relaxed(&s->at[i].state);
}

static void set_state(struct h7_sleepers *s, int i, uint32_t state)
{
    uint32_t was = state_of(s, i);
    uint32_t n = h7_load32_relaxed(&s->n_waiting);
    n += state == H7_SLEEPER_WAITING;
    n -= was == H7_SLEEPER_WAITING;
    h7_store32_relaxed(&s->n_waiting, n);
    h7_store32_release(&s->at[i].state, state);
}

static void count(struct h7_a64 *n)
{
    h7_store64_relaxed(n, h7_load64_relaxed(n) + 1); /* statistics */
}

/* --- order ------------------------------------------------------------------------- */

static int before(const struct h7_sleeper *a, const struct h7_sleeper *b)
{
    uint32_t ra = h7_load32_relaxed(&a->rank), rb = h7_load32_relaxed(&b->rank);
    if (ra != rb)
        return ra < rb;
    return h7_load64_relaxed(&a->ticket) < h7_load64_relaxed(&b->ticket);
}

uint32_t h7_sleepers_rank(void)
{
    struct sched_param param = {0};
    int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    if ((policy == SCHED_FIFO || policy == SCHED_RR) && sched_getparam(0, &param) == 0)
        return (uint32_t)(99 - param.sched_priority);
    errno = 0;
    return (uint32_t)(120 + getpriority(PRIO_PROCESS, 0));
}

/* Under the guard: is somebody in front of this one? */
static int is_behind(const struct h7_sleepers *s, int at)
{
    for (uint32_t i = 0; i < high(s); i++)
        if ((int)i != at && state_of(s, (int)i) != H7_SLEEPER_FREE &&
            before(&s->at[i], &s->at[at]))
            return 1;
    return 0;
}

static int ticks(const struct h7_sleepers *s, int i)
{
    return (h7_load64_relaxed(&s->ticks[i / 64]) >> i % 64 & 1) != 0;
}

/* The others' bits change under the guard, too, so none is lost. */
static void set_ticks(struct h7_sleepers *s, int i, int on)
{
    uint64_t bit = 1ull << i % 64, v = h7_load64_relaxed(&s->ticks[i / 64]);
    h7_store64_relaxed(&s->ticks[i / 64], on ? v | bit : v & ~bit);
}

/* --- entering and leaving ----------------------------------------------------------- */

int h7_sleepers_dead(const struct h7_sleepers *s, int i)
{
    uint32_t tid = h7_load32_relaxed(&s->at[i].tid);
    return tid == 0 || tid > INT32_MAX || h7_sys_thread_probe((pid_t)tid) == -ESRCH;
}

static int find_place(struct h7_sleepers *s)
{
    int found = H7_NO_SLEEPER;
    for (uint32_t i = 0; i < high(s); i++) {
        if (state_of(s, (int)i) != H7_SLEEPER_FREE && h7_sleepers_dead(s, (int)i))
            set_state(s, (int)i, H7_SLEEPER_FREE);
        if (found < 0 && state_of(s, (int)i) == H7_SLEEPER_FREE)
            found = (int)i;
    }
    if (found >= 0 || high(s) == H7_SLEEPERS)
        return found;
    found = (int)high(s);
    h7_store32_relaxed(&s->high, (uint32_t)found + 1);
    return found;
}

static int is_new_rank(const struct h7_sleepers *s, int at)
{
    uint32_t rank = h7_load32_relaxed(&s->at[at].rank);
    if (h7_load32_relaxed(&s->ranked))
        return 0;
    for (uint32_t i = 0; i < high(s); i++)
        if (state_of(s, (int)i) != H7_SLEEPER_FREE && h7_load32_relaxed(&s->at[i].rank) != rank)
            return 1;
    return 0;
}

static int enter_anew(struct h7_sleepers *s, int *at, uint32_t rank)
{
    *at = find_place(s);
    if (*at < 0)
        return -EAGAIN;
    struct h7_sleeper *me = &s->at[*at];
    uint64_t ticket = h7_load64_relaxed(&s->tickets);
    h7_store64_relaxed(&s->tickets, ticket + 1);
    h7_store64_relaxed(&me->ticket, ticket);
    h7_store32_relaxed(&me->rank, rank);
    h7_store32_relaxed(&me->tid, h7_self_cache.tid);
    return is_new_rank(s, *at);
}

int h7_sleepers_enter(struct h7_sleepers *s, int *at, uint32_t rank, const uint64_t want[3])
{
    int r = *at < 0 ? enter_anew(s, at, rank) : 0;
    if (r < 0)
        return r;
    struct h7_sleeper *me = &s->at[*at];
    for (int i = 0; i < 3; i++)
        h7_store64_relaxed(&me->want[i], want ? want[i] : 0);
    set_ticks(s, *at, r == 1 || h7_load32_relaxed(&s->ranked) || is_behind(s, *at));
    h7_store32_relaxed(&me->word, 0);
    set_state(s, *at, H7_SLEEPER_WAITING); /* S2 from here on */
    return r;
}

void h7_sleepers_ranked(struct h7_sleepers *s)
{
    h7_store32_relaxed(&s->ranked, 1);
}

int h7_sleepers_leave(struct h7_sleepers *s, int *at)
{
    int was = (int)state_of(s, *at);
    set_state(s, *at, H7_SLEEPER_FREE);
    *at = H7_NO_SLEEPER;
    return was;
}

/* --- calling ------------------------------------------------------------------------ */

int h7_sleepers_next(const struct h7_sleepers *s, int (*fits)(const struct h7_sleeper *, void *),
                     void *arg)
{
    int best = H7_NO_SLEEPER;
    for (uint32_t i = 0; i < high(s); i++)
        if (state_of(s, (int)i) == H7_SLEEPER_WAITING &&
            (best < 0 || before(&s->at[i], &s->at[best])) && (!fits || fits(&s->at[i], arg)))
            best = (int)i;
    return best;
}

int h7_sleepers_after(const struct h7_sleepers *s, int prev)
{
    int best = H7_NO_SLEEPER;
    for (uint32_t i = 0; i < high(s); i++)
        if ((int)i != prev && state_of(s, (int)i) != H7_SLEEPER_FREE &&
            (prev < 0 || before(&s->at[prev], &s->at[i])) &&
            (best < 0 || before(&s->at[i], &s->at[best])))
            best = (int)i;
    return best;
}

void h7_sleepers_call(struct h7_sleepers *s, int i)
{
    /* Release: the kernel compares it, and nothing else is read through it. S3 from here on. */
    h7_store32_release(&s->at[i].word, h7_self_cache.tid | H7_LOCK_WAITERS);
    set_state(s, i, H7_SLEEPER_CALLED);
}

int h7_sleepers_wake(struct h7_sleepers *s, int i)
{
    count(&s->n_wakes);
    return h7_sys_futex_wake(&s->at[i].word, 1) > 0;
}

void h7_sleepers_mend(struct h7_sleepers *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < high(s); i++)
        n += state_of(s, (int)i) == H7_SLEEPER_WAITING;
    h7_store32_relaxed(&s->n_waiting, n);
}

int h7_sleepers_is_early(const struct h7_sleepers *s, int at)
{
    if (at < 0 || state_of(s, at) != H7_SLEEPER_WAITING)
        return 0;
    for (uint32_t i = 0; i < high(s); i++)
        if (state_of(s, (int)i) == H7_SLEEPER_CALLED && before(&s->at[i], &s->at[at]) &&
            !h7_sleepers_dead(s, (int)i))
            return 1;
    return 0;
}

/* --- sleeping ----------------------------------------------------------------------- */

/* No wake-up is lost: the word was 0 when this thread entered, under the guard; a call
 * changes it, and the kernel compares. */
int h7_sleepers_sleep(struct h7_sleepers *s, int at, int64_t tick, int64_t deadline)
{
    int64_t longest = at < 0 || ticks(s, at) ? H7_SLEEPERS_TICK_NS : tick > 0 ? tick : FAR_NS;
    count(&s->n_sleeps);
    int64_t until = h7_earlier(deadline, hepta_now_ns() + longest);
    int r = at < 0 ? h7_sys_poll(NULL, 0, until) : h7_sys_futex_wait(&s->at[at].word, 0, until);
    return r == -EINTR ? r : 0;
}
