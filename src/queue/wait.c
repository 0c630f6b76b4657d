/* SPDX-License-Identifier: MIT */
/*
 * queue/wait.c - calling sleepers, waiting, the poll level; see queue/store.h
 *
 * Reading order: h7_call_plan_slow() and h7_call_leave_slow() for who calls; h7_waiting_wait() with
 * announce() and nap_until_called() for who waits; h7_store_fd() for who polls.
 *
 * Why no wake-up is lost: who waits remembers the counter that he saw under his own lock, enters
 * the table under the other side's lock and compares again; that counter changes only under
 * that lock, after a look at the table.
 */
#define _GNU_SOURCE
#include "queue/store_internal.h"

#define SEVERAL        64 /* places that a sender would like to find at once */
#define SEVERAL_LOOKS  40
#define SEVERAL_PAUSES 8
#define EARLY_TICKS    2 /* that one behind gives those who are on their way */

static struct h7_sleepers *table(const struct h7_store *st, int side)
{
    return &st->shared->sleepers[side];
}

static struct h7_lock *lock_of(const struct h7_store *st, int side)
{
    return &st->shared->side[side].lock;
}

/* --- calling ----------------------------------------------------------------------------- */

/* Would this receiver take a message of that key? */
static int fits(const struct h7_sleeper *s, void *arg)
{
    const uint64_t *key = arg;
    uint64_t want = h7_load64_relaxed(&s->want[1]);
    switch (h7_load64_relaxed(&s->want[0])) {
    case H7_PICK_KEY:
        return *key == want;
    case H7_PICK_NOT_KEY:
        return *key != want;
    case H7_PICK_UP_TO:
        return *key <= want;
    default:
        return 1;
    }
}

static int next(const struct h7_store *st, int side, uint64_t *key)
{
    return h7_sleepers_next(table(st, side), side == H7_P ? fits : NULL, key);
}

/* S3 from here on: until the wake-up is done, pending is that sleeper's word. */
static void turn_and_call(struct h7_store *st, int side, int i)
{
    h7_lock_turn(&table(st, side)->at[i].word);
    h7_sleepers_call(table(st, side), i);
}

void h7_call_plan_slow(struct h7_store *st, int side, uint64_t key, struct h7_call *call)
{
    call->i = next(st, side, &key);
    if (call->i >= 0)
        turn_and_call(st, side, call->i);
}

/* The one that was called is dead: his record is freed, and the next is called. Any will do, as
 * it looks for itself. */
static void call_another(struct h7_store *st, int side, struct h7_call *call, int64_t end)
{
    struct h7_sleepers *t = table(st, side);
    int dead = call->i;
    call->i = H7_NO_SLEEPER;
    if (h7_store_enter(st, side, end) < 0)
        return; /* a stopped process holds the lock; those behind look by themselves */
    if (h7_load32_relaxed(&t->at[dead].state) == H7_SLEEPER_CALLED && h7_sleepers_dead(t, dead))
        h7_sleepers_leave(t, &dead);
    call->i = h7_sleepers_next(t, NULL, NULL);
    if (call->i < 0) {
        h7_unlock(lock_of(st, side));
        return;
    }
    turn_and_call(st, side, call->i);
    h7_unlock_second(lock_of(st, side));
}

void h7_call_leave_slow(struct h7_store *st, int side, struct h7_call *call)
{
    int64_t end = 0; /* one patience for all of them: a verb mustn't be late */
    h7_unlock_second(lock_of(st, side)); /* pending is the sleeper's word: S3 */
    for (int i = 0; i < H7_SLEEPERS && call->i >= 0; i++) {
        int done = h7_sleepers_wake(table(st, side), call->i) ||
                   !h7_sleepers_dead(table(st, side), call->i);
        h7_lock_unpend(&h7_self_cache); /* S4 */
        if (done)
            return;
        end = end ? end : h7_store_patience();
        call_another(st, side, call, end);
    }
    if (call->i >= 0) /* more dead ones than there are places: a peer writes them */
        h7_lock_unpend(&h7_self_cache);
}

/* pended: whose lock pending is to name again. */
static void call_one(struct h7_store *st, int side, int i, int pended)
{
    turn_and_call(st, side, i);
    h7_sleepers_wake(table(st, side), i);
    h7_lock_turn(&lock_of(st, pended)->word);
}

void h7_call_now(struct h7_store *st, int side, uint64_t key)
{
    for (int n = 0; n < H7_SLEEPERS && h7_sleepers_any(table(st, side)); n++) {
        int i = next(st, side, &key);
        if (i < 0)
            return;
        call_one(st, side, i, H7_P);
        if (!h7_sleepers_dead(table(st, side), i))
            return;
        h7_sleepers_leave(table(st, side), &i);
    }
}

static int is_not(const struct h7_sleeper *s, void *arg)
{
    return s != arg;
}

/* But for one, who knows already; NULL: none. */
static void call_all(struct h7_store *st, int side, struct h7_sleeper *but, int pended)
{
    for (int n = 0; n < H7_SLEEPERS && h7_sleepers_any(table(st, side)); n++) {
        int i = h7_sleepers_next(table(st, side), is_not, but);
        if (i < 0)
            return;
        call_one(st, side, i, pended);
    }
}

void h7_call_everybody(struct h7_store *st, int side)
{
    call_all(st, side, NULL, H7_P);
}

/* --- the level --------------------------------------------------------------------------- */

static int has_room(const struct h7_store *st)
{
    const struct h7_store_shared *sh = st->shared;
    uint64_t fetched = h7_load64_relaxed(&sh->side[H7_P].fetched);
    uint64_t max = h7_load64_relaxed(&sh->qbytes), len = st->plan.msg_max;
    if (h7_load64_acquire(&sh->freed) == fetched)
        return 0;
    if (max != UINT64_MAX)
        return h7_store_bytes(st) + (len < max ? len : max) <= max &&
               h7_store_held(st) + 1 <= max;
    if (st->plan.n_blocks == 0)
        return 1;
    return h7_store_blocks_free(st) * st->plan.block_len >= len;
}

static int level_truth(const struct h7_store *st, int side)
{
    if (h7_load32_relaxed(&st->shared->removed))
        return 1;
    return side == H7_P ? h7_store_available(st) != 0 : has_room(st);
}

/* Make the level what it should be, exactly. */
static int set_level(struct h7_store *st, int side, int64_t deadline)
{
    struct h7_bell_word *bell = &st->shared->side[side].bell;
    int r = h7_store_enter_both(st, deadline);
    if (r == -EIDRM)
        return 0;
    if (r < 0)
        return r;
    if (level_truth(st, side)) {
        r = h7_bell_ring(bell, st->bell[side], H7_BELL_FIFO);
    } else {
        h7_bell_announce(bell);
        h7_bell_lower(st->bell[side], H7_BELL_MAX, H7_BELL_FIFO);
    }
    h7_store_leave_both(st);
    return r;
}

static void rest(struct h7_store *st, int side)
{
    int may_hold = h7_load32_relaxed(&st->shared->claimed) != 0;
    h7_level_rest(&st->level[side], h7_claims_any(st), may_hold);
}

/* HEPTA_NOW and nothing: the level must be low before the caller polls again. */
static void lower(struct h7_store *st, int side)
{
    if (!h7_load32_relaxed(&st->shared->side[side].polled))
        return;
    if (!h7_bell_wanted(&st->shared->side[side].bell))
        set_level(st, side, HEPTA_NOW); /* a stopped process inside: falsely high */
    rest(st, side);
}

int h7_store_fd(struct h7_store *st, int side)
{
    int fd = h7_level_fd(&st->level[side], st->obj, st->bell[side]);
    if (fd < 0)
        return fd;
    h7_store32_relaxed(&st->shared->side[side].polled, 1);
    int r = set_level(st, side, h7_store_patience());
    rest(st, side);
    return r < 0 ? r : fd;
}

/* --- waiting ------------------------------------------------------------------------------ */

void h7_waiting_begin(struct h7_waiting *w, struct h7_store *st, int side)
{
    *w = (struct h7_waiting){.st = st, .side = side, .at = H7_NO_SLEEPER};
}

/* Has something changed since the look? */
static bool is_ready(void *ctx)
{
    const struct h7_waiting *w = ctx;
    const struct h7_store_shared *sh = w->st->shared;
    uint64_t now = w->side == H7_P ? h7_published(w->st) : h7_load64_acquire(&sh->freed);
    return now != w->seen || h7_load32_relaxed(&sh->turns) != w->turns;
}

static bool is_gone(void *ctx)
{
    (void)ctx;
    return false; /* a queue has no other side */
}

static int no_nap(void *ctx, int64_t ns)
{
    (void)ctx;
    (void)ns;
    return 0;
}

static int announce(void *ctx, int64_t deadline)
{
    struct h7_waiting *w = ctx;
    struct h7_store *st = w->st;
    struct h7_sleepers *t = table(st, w->side);
    int ready = 1, r = h7_store_enter(st, w->side, deadline);
    if (r < 0)
        return r;
    if (!is_ready(w)) {
        int news = h7_sleepers_enter(t, &w->at, h7_sleepers_rank(), w->want);
        ready = 0;
        if (news == 1) { /* the first of another rank: all begin to tick */
            call_all(st, w->side, &t->at[w->at], w->side);
            h7_sleepers_ranked(t);
        }
    }
    h7_unlock(lock_of(st, w->side));
    return ready;
}

/* Whose tick it is sleeps on while one in front, who was called, is on his way; if he doesn't come
 * (he may be stopped), not for ever. */
static int nap_until_called(void *ctx, int64_t deadline)
{
    struct h7_waiting *w = ctx;
    struct h7_sleepers *t = table(w->st, w->side);
    int64_t tick = h7_load32_relaxed(&w->st->shared->claimed) ? H7_SLEEPERS_TICK_NS : 0;
    int r, n = 0;
    do
        r = h7_sleepers_sleep(t, w->at, tick, deadline);
    while (r == 0 && n++ < EARLY_TICKS && h7_sleepers_is_early(t, w->at) &&
           hepta_now_ns() < deadline);
    if (r == 0 && tick)
        h7_store_bury(w->st, deadline);
    return r < 0 ? r : H7_WAIT_AGAIN;
}

/* For who never sleeps, every 2 ms. */
static int look_for_the_dead(void *ctx)
{
    struct h7_waiting *w = ctx;
    h7_store_bury(w->st, H7_EXPIRED);
    return 0;
}

static const struct h7_wait_ops ops = {
    .os = &h7_waiter_os,
    .ready = is_ready,
    .gone = is_gone,
    .nap = no_nap,
    .announce = announce,
    .sleep = nap_until_called,
    .hangup = look_for_the_dead,
};

static int is_registered_for(const struct h7_waiting *w)
{
    return w->side == H7_P && h7_notify_wanted(w->st);
}

/* A sender that finds the queue full again and again would wait for each place, and fetch the
 * line from the receiver each time: so he waits a moment for several. */
static int wait_for_several(const struct h7_waiting *w)
{
    const struct h7_store *st = w->st;
    uint64_t enough = st->plan.n_slots / 4 < SEVERAL ? st->plan.n_slots / 4 : SEVERAL;
    if (enough < 2 || h7_load32_relaxed(&st->waiter[H7_C].mode) == HEPTA_WAIT_SLEEP)
        return 0;
    for (int i = 0; i < SEVERAL_LOOKS; i++) {
        if (h7_load64_acquire(&st->shared->freed) - w->seen >= enough)
            return 1;
        for (int k = 0; k < SEVERAL_PAUSES; k++)
            h7_pause();
    }
    return is_ready((void *)(uintptr_t)w);
}

int h7_waiting_wait(struct h7_waiting *w, int64_t *deadline)
{
    if (*deadline == HEPTA_NOW) /* before the look: who dies after it makes another event */
        h7_level_drain(&w->st->level[w->side]);
    int r = h7_store_bury(w->st, *deadline);
    if (r < 0)
        return r;
    /* Something is back. Who has no time looks once more, or a peer that plants dead claims could
     * keep him here. */
    if (r > 0 && (w->n_buried++ == 0 || *deadline == HEPTA_FOREVER || hepta_now_ns() < *deadline))
        return 0;
    if (*deadline == H7_EXPIRED) /* no third look: a lock that can't be had looks as if ready */
        return -EAGAIN;
    if (*deadline == HEPTA_NOW) {
        lower(w->st, w->side);
        *deadline = H7_EXPIRED;
        return is_ready(w) ? 0 : -EAGAIN;
    }
    if (*deadline != HEPTA_FOREVER && hepta_now_ns() >= *deadline)
        return -ETIMEDOUT;
    if (w->side == H7_C && w->at < 0 && wait_for_several(w))
        return 0;
    if (is_registered_for(w) || w->at >= 0) { /* asleep, so that the notification knows of it */
        r = announce(w, *deadline);
        return r < 0 ? r : r > 0 ? 0 : nap_until_called(w, *deadline);
    }
    return h7_wait(&w->st->waiter[w->side], &ops, w, *deadline);
}

/* What one receive freed may be room for several senders. */
static int places_left(const struct h7_store *st)
{
    return h7_load64_acquire(&st->shared->freed) !=
           h7_load64_relaxed(&st->shared->side[H7_P].fetched); /* stale: one look too many */
}

/* With empty hands after a call: the next is called in its place. */
void h7_waiting_end_slow(struct h7_waiting *w, int got)
{
    struct h7_store *st = w->st;
    struct h7_call call = {.i = H7_NO_SLEEPER};
    if (h7_store_enter(st, w->side, h7_store_patience()) < 0) {
        /* Removed, corrupt, or stopped: whoever calls this record finds nobody. */
        h7_store32_relaxed(&table(st, w->side)->at[w->at].tid, 0);
        return;
    }
    int was = h7_sleepers_leave(table(st, w->side), &w->at);
    if ((was == H7_SLEEPER_CALLED && !got) || (w->side == H7_C && places_left(st))) {
        call.i = h7_sleepers_next(table(st, w->side), NULL, NULL);
        if (call.i >= 0)
            turn_and_call(st, w->side, call.i);
    }
    h7_call_leave(st, w->side, &call);
}
