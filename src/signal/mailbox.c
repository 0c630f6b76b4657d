/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox.c - the verbs of hepta/signal.h on an open mailbox, but for sending
 *
 * Start at hepta_mailbox_wait(): the lock, one look, one taken. The rest is waiting, the mask, and
 * numbers.
 */
#include "base/sys.h"
#include "signal/mailbox_internal.h"

/* A child of fork(2) sends for itself, and doesn't receive: that is its parent. */
int h7_mailbox_revalidate(struct hepta_mailbox *b)
{
    struct h7_life me;
    int r = h7_self() ? 0 : h7_self_fill();
    if (r == 0)
        r = h7_self_pidns() != b->pidns ? -EXDEV : h7_life_self(&me);
    if (r < 0)
        return r == -ESRCH ? -ENOSYS : r;
    uint32_t uid = (uint32_t)h7_load64_relaxed(&b->me);
    h7_store64_relaxed(&b->me, (uint64_t)me.pid << 32 | uid);
    h7_store32_relaxed(&b->turn, 0);
    h7_store64_relaxed(&b->gen, h7_fork_gen());
    return 0;
}

/* The receiver's verbs. */
static inline int enter(struct hepta_mailbox *b)
{
    int r = h7_mailbox_enter(b);
    if (h7_unlikely(r == 0 && h7_load32_relaxed(&b->turn) == 0))
        return -EPERM;
    return r;
}

/* And its lock: is it still this handle's turn? Somebody may have written that it isn't. */
static inline int lock(struct hepta_mailbox *b, int64_t deadline)
{
    int r = h7_mailbox_lock(b, deadline);
    if (h7_unlikely(r == 0 &&
                    h7_load32_relaxed(&b->shared->receiver) != h7_load32_relaxed(&b->turn))) {
        h7_mailbox_unlock(b);
        return -EBADMSG;
    }
    return r;
}

/* HEPTA_NOW first, which needs no clock. */
static int lock_patiently(struct hepta_mailbox *b)
{
    int r = h7_mailbox_lock(b, HEPTA_NOW);
    return r != -EAGAIN ? r : h7_mailbox_lock(b, h7_mailbox_patience());
}

/* --- wait -------------------------------------------------------------------------------- */

/* Under the lock, with nothing to take, or with a sender that found no place. */
static __attribute__((noinline)) int rest(struct hepta_mailbox *b, int r)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t ago = (uint64_t)h7_clock_tick() - h7_load64_relaxed(&s->swept);
    if (h7_load32_relaxed(&s->starved) && (r == 0 || ago > H7_MAILBOX_SWEEP_NS)) {
        int swept = h7_mailbox_sweep(b);
        r = r == 0 ? swept : r;
    }
    if (h7_mailbox_is_polled(b)) {
        if (r > 0)
            h7_store32_relaxed(&b->heard, 1);
        else
            h7_mailbox_level(b);
    }
    return r;
}

static inline int try_to_take(struct hepta_mailbox *b, struct hepta_signal_info *info,
                              int64_t deadline)
{
    struct h7_mailbox_shared *s = b->shared;
    int r = lock(b, deadline);
    if (h7_unlikely(r < 0))
        return r;
    if (h7_load64_relaxed(&s->given))
        h7_mailbox_forget(b);
    r = h7_mailbox_take(b, info);
    if (h7_unlikely(h7_load32_relaxed(&s->starved) || h7_mailbox_is_polled(b)))
        r = rest(b, r);
    h7_mailbox_unlock(b);
    return r;
}

struct waiting {
    struct hepta_mailbox *b;
    int64_t deadline;
};

static bool is_ready(void *ctx)
{
    return h7_mailbox_ready(((struct waiting *)ctx)->b->shared);
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static int no_hangup(void *ctx)
{
    (void)ctx;
    return 0;
}

/* Each arrival is another value, so that no other sleeper's call is taken for one's own. */
static uint32_t arm(struct h7_mailbox_shared *s)
{
    uint32_t v = h7_load32_relaxed(&s->event);
    for (int i = 0; i < H7_MAILBOX_TRIES; i++)
        if (h7_cas32_relaxed(&s->event, &v, (v + 2) | 1))
            break;
    h7_fence_full(); /* with the one after a commit: it is seen below, or event is seen there */
    return (v + 2) | 1;
}

/* As long as it takes, but for a look once a second (B2). */
static int sleep_once(void *ctx, int64_t ns)
{
    const struct waiting *w = ctx;
    struct h7_mailbox_shared *s = w->b->shared;
    uint32_t armed = arm(s);
    if (h7_mailbox_ready(s) || h7_load32_relaxed(&s->starved))
        return 1;
    (void)ns;
    int64_t until = h7_earlier(hepta_now_ns() + H7_MAILBOX_TICK_NS, w->deadline);
    int r = h7_sys_futex_wait(&s->event, armed, until);
    return r == -EINTR ? r : 1;
}

static int no_announce(void *ctx, int64_t deadline)
{
    (void)ctx;
    (void)deadline;
    return 1;
}

static const struct h7_wait_ops ops = {
    .os = &h7_waiter_os,
    .ready = is_ready,
    .gone = never,
    .nap = sleep_once,
    .announce = no_announce,
    .sleep = no_announce,
    .hangup = no_hangup,
};

static __attribute__((noinline)) int wait_long(struct hepta_mailbox *b,
                                               struct hepta_signal_info *info, int64_t deadline)
{
    struct waiting w = {.b = b, .deadline = deadline};
    for (;;) {
        int r = h7_wait(&b->waiter, &ops, &w, deadline);
        if (r < 0 && r != -ETIMEDOUT)
            return r;
        int got = try_to_take(b, info, deadline);
        if (got != 0)
            return got;
        if (r == -ETIMEDOUT)
            return r;
    }
}

int hepta_mailbox_wait(struct hepta_mailbox *b, struct hepta_signal_info *info, int64_t deadline)
{
    int r = enter(b);
    if (h7_unlikely(r < 0))
        return r;
    deadline = h7_deadline(deadline);
    r = try_to_take(b, info, deadline);
    if (h7_likely(r != 0))
        return r;
    return deadline == HEPTA_NOW ? -EAGAIN : wait_long(b, info, deadline);
}

int hepta_mailbox_ack(struct hepta_mailbox *b)
{
    int r = enter(b);
    if (r == 0 && !(b->flags & HEPTA_MAILBOX_ACK))
        r = -EINVAL;
    if (r == 0)
        r = lock_patiently(b);
    if (r < 0)
        return r;
    int was = h7_load64_relaxed(&b->shared->given) != 0;
    if (was)
        h7_mailbox_forget(b);
    h7_mailbox_unlock(b);
    return was ? 0 : -EINVAL;
}

/* --- the mask ---------------------------------------------------------------------------- */

int hepta_mailbox_mask(struct hepta_mailbox *b, int how, uint64_t set, uint64_t *old)
{
    int r = enter(b);
    if (r == 0 && (how < HEPTA_SIGNAL_BLOCK || how > HEPTA_SIGNAL_SETMASK))
        r = -EINVAL;
    if (r == 0)
        r = lock_patiently(b);
    if (r < 0)
        return r;
    struct h7_mailbox_shared *s = b->shared;
    uint64_t was = h7_load64_relaxed(&s->blocked);
    uint64_t now = how == HEPTA_SIGNAL_BLOCK     ? was | set
                   : how == HEPTA_SIGNAL_UNBLOCK ? was & ~set
                                                 : set;
    h7_store64_relaxed(&s->blocked, now); /* linearization point */
    /* A sender who still found it blocked has committed before this: the sleeper, and the level,
     * see it. */
    h7_fence_full();
    if (h7_mailbox_is_polled(b))
        h7_mailbox_level(b);
    h7_mailbox_unlock(b);
    if (was & ~now)
        h7_mailbox_call(s);
    if (old)
        *old = was;
    return 0;
}

/* --- numbers ----------------------------------------------------------------------------- */

static uint64_t pending(const struct h7_mailbox_shared *s)
{
    uint64_t set = 0;
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (h7_mailbox_has(s, n))
            set |= HEPTA_SIGNAL(n);
    return set;
}

int hepta_mailbox_pending(struct hepta_mailbox *b, uint64_t *set)
{
    int r = h7_mailbox_enter(b);
    if (r == 0 && !set)
        r = -EFAULT;
    if (r == 0)
        *set = pending(b->shared);
    return r;
}

/* Under the lock. A place that is published is in a stack, or QUEUED, and maybe given. */
static int count_queued(struct hepta_mailbox *b, uint32_t *n)
{
    uint64_t given = h7_load64_relaxed(&b->shared->given);
    int r = 0;
    for (uint32_t q = 0; q < H7_MAILBOX_QUEUES && (r == 0 || r == -EAGAIN); q++)
        r = h7_mailbox_move(b, q);
    *n = 0;
    for (uint32_t i = 0; i < b->depth; i++)
        *n += h7_load32_relaxed(&b->slots[i].state) == H7_SLOT_QUEUED && given >> 8 != i + 1;
    return r == -EAGAIN ? 0 : r;
}

int hepta_mailbox_stat(struct hepta_mailbox *b, struct hepta_mailbox_stat *stat)
{
    struct h7_life who;
    int r = h7_mailbox_enter(b);
    if (r == 0 && !stat)
        r = -EFAULT;
    if (r == 0)
        r = lock_patiently(b);
    if (r < 0)
        return r;
    const struct h7_mailbox_shared *s = b->shared;
    *stat = (struct hepta_mailbox_stat){.depth = b->depth};
    r = count_queued(b, &stat->queued);
    stat->pending = pending(s);
    stat->blocked = h7_load64_relaxed(&s->blocked);
    stat->coalesced = h7_load64_relaxed(&s->coalesced);
    stat->received = h7_load64_relaxed(&s->received);
    stat->refused = h7_load64_relaxed(&s->refused);
    stat->recovered = h7_load64_relaxed(&s->recovered);
    h7_mailbox_unlock(b);
    stat->sent = stat->received + stat->coalesced + stat->queued +
                 (uint64_t)__builtin_popcountll(stat->pending & 0x7fffffffu);
    if (h7_mailbox_receiver(s, &who) && h7_life_alive(&who))
        stat->receiver = (int32_t)who.pid;
    return r;
}
