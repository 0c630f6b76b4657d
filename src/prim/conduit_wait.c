/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_wait.c - entering, waiting, the poll level, hang-up
 *
 * The protocol is in prim/conduit.h ("Who is about to sleep takes the other side's
 * lock"), the loop in prim/waiter.h. Start at h7_conduit_wait().
 */
#define _GNU_SOURCE
#include "prim/conduit.h"

#include <sched.h>
#include <unistd.h>

#include "base/sys.h"

#define WHOLE_TICK_NS 8000000
#define CAPACITY_DEFAULT 65536

uint64_t h7_conduit_capacity(uint64_t want, uint32_t flags)
{
    uint64_t cap = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t least = flags & H7_CONDUIT_PACKET ? 2 * cap : cap;
    if (want == 0)
        want = CAPACITY_DEFAULT;
    while (cap < want || cap < least)
        cap *= 2;
    return cap;
}

int h7_conduit_init(struct h7_conduit *c, struct h7_conduit_shared *shared, int role,
                    uint32_t flags, char *data, uint64_t data_len)
{
    *c = (struct h7_conduit){.shared = shared, .role = role, .flags = flags};
    c->ring_fd = c->listen_fd = c->gone_fd = -1;
    c->mine = &shared->side[role];
    c->peer = &shared->side[!role];
    c->level_free = flags & H7_CONDUIT_PACKET ? h7_record_len(H7_CONDUIT_BUF) : H7_CONDUIT_BUF;
    c->packet_max = H7_CONDUIT_BUF;
    if (flags & H7_CONDUIT_WHOLE)
        c->packet_max = data_len < INT32_MAX ? data_len - 16 : 0;
    h7_store32_relaxed(&c->closes_seen, h7_load32_relaxed(&shared->closes));
    if (data_len < c->level_free || data_len > UINT32_MAX /* amounts are futex words */ ||
        c->packet_max == 0)
        return -EBADMSG;
    return h7_ring_init(&c->ring, &shared->ring, data, data_len);
}

void h7_conduit_tune(struct h7_conduit *c, uint32_t mode, uint32_t spin_ns)
{
    h7_waiter_init(&c->waiter, mode, spin_ns);
    c->fenced = 1;
    /* A barrier that the sleeper pays for is worth it where sleeping is rare. */
    if (!h7_conduit_spsc(c) || mode == HEPTA_WAIT_SLEEP || h7_sys_membarrier_register() < 0)
        return;
    h7_store32_relaxed(&c->mine->asym, 1);
    h7_fence_full(); /* asym before the first unfenced publish; with order() below */
    c->fenced = 0;
}

/* relaxed: under the lock, or by the one user there is */
static void set_own(const struct h7_conduit *c, struct h7_conduit_side *side)
{
    h7_store64_relaxed(&side->own, h7_side_counter(c, side));
}

void h7_side_mend(const struct h7_conduit *c, struct h7_conduit_side *side)
{
    uint32_t n = h7_load32_relaxed(&side->recoveries);
    if (!h7_conduit_spsc(c)) /* there the lock has nothing to do with it */
        set_own(c, side);
    h7_store32_relaxed(&side->recoveries, n + 1);
}

void h7_conduit_resync(struct h7_conduit *c)
{
    if (h7_conduit_spsc(c))
        set_own(c, c->mine);
}

/* --- the other side's life ---------------------------------------------------------- */

static int gone_fd(const struct h7_conduit *c)
{
    return c->gone_fd >= 0 ? c->gone_fd : c->listen_fd;
}

int h7_conduit_hangup(const struct h7_conduit *c)
{
    /* Acquire, with the release in h7_conduit_end(): what was written before it. */
    return h7_load32_acquire(&c->shared->over) || h7_bell_hangup(gone_fd(c));
}

/* --- entering -------------------------------------------------------------------- */

/* Under my lock: clear a dead owner's claim, and first what he had tagged and not published.
 * 1 the claim is gone, 0 somebody living has it. */
static int recover_claim(struct h7_conduit *c)
{
    struct h7_claim *claim = &c->mine->claim;
    if (c->tags && c->role == H7_WRITER && h7_claim_orphaned(claim))
        h7_tags_retract(c->tags, h7_conduit_index(c));
    return h7_claim_recover(claim);
}

/* Under my lock, somebody's claim in the way. 0 it is gone and the lock still held; else
 * unlocked: 1 waited, look again, or a negative errno. */
int h7_conduit_wait_for_claim(struct h7_conduit *c, int64_t deadline)
{
    struct h7_claim *claim = &c->mine->claim;
    int mine = h7_claim_mine(claim);
    if (!mine && recover_claim(c))
        return 0;
    uint32_t seen = h7_claim_announce(claim);
    h7_unlock(&c->mine->lock);
    if (mine)
        return -EDEADLK;
    if (c->role == H7_WRITER && h7_conduit_hangup(c))
        return -EPIPE;
    if (deadline != HEPTA_FOREVER && hepta_now_ns() >= deadline) /* HEPTA_NOW, too */
        return h7_expired(deadline);
    int r = h7_claim_wait(claim, seen, deadline);
    return r < 0 ? r : 1;
}

/* --- the predicates -------------------------------------------------------------- */

struct wait_ctx {
    struct h7_conduit *c;
    uint64_t need; /* writer: bytes free; reader: bytes there */
    int bounded; /* the barrier failed: don't sleep for long */
    int apart;   /* the other side last waited on another CPU, or never */
    int brief;   /* sleep for a tick only: the caller will ask for less then */
    int tick;    /* the bell announces something else: nap in ticks */
};

/* Both counters without a lock. A torn look (a distance above the capacity) counts as
 * ready: the verb looks again, inside, and reports what is really corrupt. */
static bool at_least(const struct h7_conduit *c, uint64_t need)
{
    uint64_t tail = h7_load64_acquire(&c->ring.shared->tail);
    uint64_t used = h7_load64_acquire(&c->ring.shared->head) - tail;
    if (used > c->ring.cap)
        return true;
    return (c->role == H7_WRITER ? c->ring.cap - used : used) >= need;
}

static bool is_ready(void *ctx)
{
    const struct wait_ctx *w = ctx;
    return at_least(w->c, w->need);
}

static struct h7_conduit_side *readers(const struct h7_conduit *c)
{
    return &c->shared->side[H7_READER];
}

uint64_t h7_conduit_mark(const struct h7_conduit *c)
{
    uint32_t least = h7_load32_relaxed(&readers(c)->least);
    int registered = h7_load32_relaxed(&readers(c)->least_tid) != 0;
    return registered && least && least < c->level_free ? least : c->level_free;
}

/* What the bell that c listens on announces. */
static bool level_truth(const struct h7_conduit *c)
{
    return at_least(c, c->role == H7_WRITER ? h7_conduit_mark(c) : 1);
}

/* --- sleeping -------------------------------------------------------------------- */

/* SPSC: my announcement before my look; the other side's publish before its look. If its
 * fence is the compiler's only (asym), the barrier is issued from here for both. */
static int order(const struct h7_conduit *c)
{
    h7_fence_full();
    if (!h7_conduit_spsc(c) || !h7_load32_relaxed(&c->peer->asym))
        return 0;
    return h7_sys_membarrier();
}

static bool is_gone(void *ctx)
{
    struct wait_ctx *w = ctx;
    return h7_conduit_peer_gone(w->c) != 0;
}

static int doze(void *ctx, int64_t ns)
{
    struct wait_ctx *w = ctx;
    struct h7_event *e = &w->c->peer->event;
    uint32_t armed = h7_event_arm(e, (uint32_t)w->need);
    if (order(w->c) < 0)
        return 0; /* no barrier, no nap: the bell has its own way out */
    if (is_ready(ctx))
        return 1;
    return h7_event_nap(e, armed, ns);
}

static int nap(void *ctx, int64_t ns)
{
    const struct wait_ctx *w = ctx;
    return w->apart ? 0 : doze(ctx, ns);
}

/* In SPSC mode a ringer may shout (conduit.c), so what came before the look counts; and
 * one byte stays of a full bell, into which no shout would have gone. */
static size_t bytes_to_lower(const struct h7_conduit *c)
{
    size_t n = h7_conduit_spsc(c) ? h7_bell_bytes(c->listen_fd) : H7_BELL_MAX;
    return h7_conduit_spsc(c) && n >= H7_BELL_MAX ? H7_BELL_MAX - 1 : n;
}

/* Under the readers' lock: make the bell say what this writer waits for, if it doesn't.
 * One writer at a time can have that, and the living aren't thrown out: who leaves without
 * a ring would leave those asleep who had relied on his entry. 1 the bell will do. */
static int register_need(struct h7_conduit *c, uint64_t need)
{
    struct h7_conduit_side *s = readers(c);
    uint32_t me = h7_self_cache.tid;
    uint32_t tid = h7_load32_relaxed(&s->least_tid); /* relaxed: under the lock */
    if (tid && tid != me && h7_sys_thread_probe((pid_t)tid) != -ESRCH)
        return 0;
    /* Pollers rely on level_free: with them about, small amounts are waited for in ticks. */
    int polled = h7_load32_relaxed(&c->shared->level_hint[H7_READER]) != 0;
    h7_store32_relaxed(&s->least, (uint32_t)need);
    h7_store32_relaxed(&s->least_tid, need < c->level_free && !polled ? me : 0);
    return need >= c->level_free || !polled;
}

/* A registered sleeper that was killed must not keep the level up for pollers. */
static void forget_dead_need(struct h7_conduit *c)
{
    uint32_t tid = h7_load32_relaxed(&readers(c)->least_tid);
    if (c->role == H7_WRITER && tid && h7_sys_thread_probe((pid_t)tid) == -ESRCH)
        h7_store32_relaxed(&readers(c)->least_tid, 0);
}

/* Without the lock: only who registered takes it back, and what others do in between
 * makes the level falsely high at worst. */
static void unregister_need(struct h7_conduit *c)
{
    uint32_t me = h7_self_cache.tid;
    h7_cas32_relaxed(&readers(c)->least_tid, &me, 0);
}

static int announce(void *ctx, int64_t deadline)
{
    struct wait_ctx *w = ctx;
    struct h7_conduit *c = w->c;
    int r = h7_side_lock(c, c->peer, deadline);
    if (r < 0)
        return r;
    h7_bell_announce(&c->peer->bell);
    w->tick = c->role == H7_WRITER && !register_need(c, w->need);
    size_t n = bytes_to_lower(c);
    w->bounded = order(c) < 0;
    bool ready = is_ready(ctx);
    if (ready)
        unregister_need(c);
    else if (!level_truth(c))
        h7_bell_lower(c->listen_fd, n, c->bell_kind);
    h7_unlock(&c->peer->lock);
    return ready;
}

static int hangup(void *ctx)
{
    struct wait_ctx *w = ctx;
    return h7_conduit_hangup(w->c);
}

/* For an amount that the bell doesn't announce: in ticks, for nothing else would tell of
 * a hang-up. Shorter ones where a large amount is a common message. */
static int sleep_tick(void *ctx, int64_t deadline)
{
    struct wait_ctx *w = ctx;
    int64_t tick = w->c->flags & H7_CONDUIT_WHOLE ? WHOLE_TICK_NS : H7_CLAIM_TICK_NS;
    int64_t left = deadline == HEPTA_FOREVER ? deadline : deadline - hepta_now_ns();
    int r = 0;
    if (w->bounded)
        r = h7_sys_poll(NULL, 0, h7_earlier(deadline, hepta_in_ms(10)));
    else if (left > 0)
        r = doze(ctx, h7_earlier(left, tick));
    return r == -EINTR ? r : hangup(ctx) ? H7_WAIT_HANGUP : H7_WAIT_AGAIN;
}

static int sleep_on_bell(void *ctx, int64_t deadline)
{
    struct wait_ctx *w = ctx;
    if (w->tick)
        return sleep_tick(ctx, deadline);
    if (w->bounded)
        deadline = h7_earlier(deadline, hepta_in_ms(10));
    if (w->brief)
        deadline = h7_earlier(deadline, hepta_now_ns() + H7_CLAIM_TICK_NS);
    int r = h7_bell_sleep(&w->c->peer->bell, w->c->listen_fd, gone_fd(w->c), deadline);
    if (w->c->role == H7_WRITER)
        unregister_need(w->c);
    return r;
}

static const struct h7_wait_ops bell_ops = {
    .os = &h7_waiter_os,
    .ready = is_ready,
    .gone = is_gone,
    .nap = nap,
    .announce = announce,
    .sleep = sleep_on_bell,
    .hangup = hangup,
};

/* A reservation larger than what the bell announces only naps, and at once for a tick. */
static int no_nap(void *ctx, int64_t ns)
{
    (void)ctx;
    (void)ns;
    return 0;
}

static int announce_nothing(void *ctx, int64_t deadline)
{
    struct wait_ctx *w = ctx;
    (void)deadline;
    w->bounded = order(w->c) < 0;
    return is_ready(ctx);
}

static const struct h7_wait_ops big_ops = {
    .os = &h7_waiter_os,
    .ready = is_ready,
    .gone = is_gone,
    .nap = no_nap,
    .announce = announce_nothing,
    .sleep = sleep_tick,
    .hangup = hangup,
};

/* --- not waiting ----------------------------------------------------------------- */

int h7_conduit_peer_gone(struct h7_conduit *c)
{
    uint32_t closes = h7_load32_acquire(&c->shared->closes); /* with h7_conduit_closed() */
    uint64_t tick = (uint64_t)h7_clock_tick();
    if (closes == h7_load32_relaxed(&c->closes_seen) && tick == h7_load64_relaxed(&c->tick_seen))
        return 0;
    h7_store32_relaxed(&c->closes_seen, closes);
    h7_store64_relaxed(&c->tick_seen, tick);
    if (!h7_conduit_hangup(c))
        return 0;
    h7_conduit_look_again(c);
    return 1;
}

/* Bring the level down if its predicate is false. 0, -errno. */
static int lower(struct h7_conduit *c, int64_t deadline)
{
    int r = h7_side_lock(c, c->peer, deadline);
    if (r < 0)
        return r;
    forget_dead_need(c);
    h7_bell_announce(&c->peer->bell);
    size_t n = bytes_to_lower(c);
    if (order(c) >= 0 && !level_truth(c)) /* no barrier, no lowering */
        h7_bell_lower(c->listen_fd, n, c->bell_kind);
    h7_unlock(&c->peer->lock);
    return 0;
}

static int keeps_level(const struct h7_conduit *c)
{
    return h7_load32_relaxed(&c->shared->level_hint[!c->role]) != 0;
}

void h7_conduit_lower(struct h7_conduit *c)
{
    if (!level_truth(c))
        lower(c, HEPTA_NOW); /* a stopped process inside: falsely high, which is allowed */
}

/* HEPTA_NOW and nothing to do. The level must be low before the caller polls again. If
 * that had to wait for a ringer, its commit has come in between. */
static int would_wait(struct h7_conduit *c, uint64_t need, int64_t *deadline)
{
    if (keeps_level(c) && *deadline == HEPTA_NOW) {
        lower(c, HEPTA_NOW);
        *deadline = H7_EXPIRED;
        if (at_least(c, need))
            return H7_WAIT_AGAIN;
    }
    return h7_conduit_peer_gone(c) ? H7_WAIT_HANGUP : -EAGAIN;
}

/* Say where I wait, and look where the other side did. */
static int is_apart(struct h7_conduit *c)
{
    uint32_t cpu = (uint32_t)sched_getcpu() + 1;
    if (h7_load32_relaxed(&c->mine->cpu) != cpu)
        h7_store32_relaxed(&c->mine->cpu, cpu);
    return h7_load32_relaxed(&c->peer->cpu) != cpu;
}

int h7_conduit_wait(struct h7_conduit *c, uint64_t need, int brief, int64_t *deadline)
{
    struct wait_ctx w = {.c = c, .need = need, .brief = brief};
    if (*deadline == HEPTA_NOW || *deadline == H7_EXPIRED)
        return would_wait(c, need, deadline);
    /* Here too, not only before a sleep: counters that a hostile peer keeps flickering
     * look ready again and again. */
    if (*deadline != HEPTA_FOREVER && hepta_now_ns() >= *deadline)
        return hangup(&w) ? H7_WAIT_HANGUP : -ETIMEDOUT;
    w.apart = is_apart(c);
    if (c->role == H7_WRITER && need > c->level_free)
        return h7_wait(&c->waiter, &big_ops, &w, *deadline);
    return h7_wait(&c->waiter, &bell_ops, &w, *deadline);
}

int h7_conduit_keep_level(struct h7_conduit *c)
{
    h7_store32_relaxed(&c->shared->level_hint[!c->role], 1);
    order(c); /* the hint before the look; with the barrier between commit and after() */
    return level_truth(c) ? 0 : lower(c, hepta_in_ms(H7_CONDUIT_PATIENCE_MS));
}

int h7_conduit_end(struct h7_conduit *c, int64_t deadline)
{
    struct h7_conduit_side *writers = &c->shared->side[H7_WRITER];
    int r = h7_side_lock(c, writers, deadline);
    if (r < 0)
        return r;
    h7_store32_release(&c->shared->over, 1); /* with h7_conduit_hangup() */
    h7_unlock(&writers->lock);
    h7_conduit_closed(c->shared);
    return 0;
}

void h7_conduit_closed(struct h7_conduit_shared *shared)
{
    h7_add32_release(&shared->closes, 1); /* after the descriptors were closed */
    h7_event_wake(&shared->side[H7_WRITER].event);
    h7_event_wake(&shared->side[H7_READER].event);
}
