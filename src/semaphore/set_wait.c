/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_wait.c - calling sleepers, and waiting; see semaphore/set.h
 *
 * Reading order: h7_set_call_slow() and h7_set_leave_slow() for who calls; h7_set_wait() with
 * announce() and nap_until_called() for who waits.
 *
 * Why no wake-up is lost: who waits enters the table under the lock, if his condition still
 * doesn't hold; values change only under that lock, after a look at the table. All who are called
 * get their words changed before the commit; the first of them is what this thread's pending word
 * names until he has been woken, so the kernel wakes him if this thread dies; the others have him
 * in front of them, and so look by themselves every tick.
 */
#include "semaphore/set_internal.h"

#define SOON_NS 2000000 /* longer than any spin: who has less time looks for the dead at once */
#define EARLY_TICKS 2 /* that one behind gives those who are on their way */
#define LOOK_NS (H7_SET_TICK_NS - 2000000) /* how long a look at a tick counts, for all */

/* --- calling ----------------------------------------------------------------------------- */

struct condition {
    uint32_t sem;
    int exactly;
    int64_t value;
};

static struct condition condition_of(const struct h7_set *set, const struct h7_sleeper *s)
{
    uint64_t what = h7_load64_relaxed(&s->want[0]);
    struct condition c = {.sem = (uint32_t)(what & 0xffff),
                          .exactly = (what & H7_SET_WANTS_EXACTLY) != 0,
                          .value = (int64_t)h7_load64_relaxed(&s->want[1])};
    if (c.sem >= set->plan.n) /* a peer wrote that */
        c = (struct condition){.sem = 0, .value = INT64_MAX};
    return c;
}

static int32_t value_then(const struct h7_set *set, const struct h7_set_change *changes,
                          uint32_t n, uint32_t sem)
{
    if (n > 0 && sem - changes[0].sem < n && changes[sem - changes[0].sem].sem == sem)
        return changes[sem - changes[0].sem].value; /* SETALL: they are in order */
    for (uint32_t i = 0; i < n && i < H7_SET_OPS_MAX; i++)
        if (changes[i].sem == sem)
            return changes[i].value;
    return h7_set_value(set, sem);
}

/* What those in front will take. */
struct taken {
    int n;
    struct {
        uint32_t sem;
        int64_t sum;
    } of[H7_SLEEPERS];
};

static int64_t *taken_of(struct taken *t, uint32_t sem)
{
    int i = 0;
    while (i < t->n && t->of[i].sem != sem)
        i++;
    if (i == t->n) {
        t->of[i].sem = sem;
        t->of[i].sum = 0;
        t->n++;
    }
    return &t->of[i].sum;
}

static void call(struct h7_set *set, int i, struct h7_set_calls *calls)
{
    if (calls->n == 0) /* from here on the kernel calls him if this thread dies: V1 */
        h7_lock_turn(&set->sleepers->at[i].word);
    h7_sleepers_call(set->sleepers, i);
    calls->at[calls->n++] = i;
}

/* Who is called already counts for those behind him only: if he died on his way, those in front
 * don't have to know. */
void h7_set_call_slow(struct h7_set *set, const struct h7_set_change *changes, uint32_t n, int but,
                      struct h7_set_calls *calls)
{
    struct h7_sleepers *t = set->sleepers;
    struct taken taken = {.n = 0};
    int i = H7_NO_SLEEPER;
    for (int k = 0; k < H7_SLEEPERS; k++) {
        i = h7_sleepers_after(t, i);
        if (i < 0)
            return;
        if (i == but)
            continue;
        struct condition c = condition_of(set, &t->at[i]);
        int waits = h7_load32_relaxed(&t->at[i].state) == H7_SLEEPER_WAITING;
        int32_t value = value_then(set, changes, n, c.sem);
        if (c.exactly) {
            if (waits && value == c.value)
                call(set, i, calls);
            continue;
        }
        int64_t *sum = taken_of(&taken, c.sem);
        if (waits && value - *sum < c.value)
            continue;
        if (c.value > 0 && c.value <= H7_SET_VALUE_MAX)
            *sum += c.value;
        if (waits)
            call(set, i, calls);
    }
}

void h7_set_call_everybody(struct h7_set *set, int but, struct h7_set_calls *calls)
{
    int i = H7_NO_SLEEPER;
    calls->n = 0;
    for (int k = 0; k < H7_SLEEPERS; k++) {
        i = h7_sleepers_after(set->sleepers, i);
        if (i < 0)
            return;
        if (i != but)
            call(set, i, calls);
    }
}

void h7_set_grant(struct h7_set *set, const struct h7_set_calls *calls)
{
    for (int k = 0; k < calls->n; k++) {
        struct h7_sleeper *s = &set->sleepers->at[calls->at[k]];
        uint64_t who = h7_load64_relaxed(&s->want[2]);
        struct condition c = condition_of(set, s);
        if (!c.exactly || !(who & H7_SET_CAN_GRANT) || h7_set_value(set, c.sem) != c.value)
            continue;
        h7_store64_relaxed(&s->own[H7_SET_GRANTED], 1); /* it has happened, for him */
        h7_store32_relaxed(&set->hot->sem[c.sem].pid, (uint32_t)who);
    }
}

/* 1 somebody who was called is dead: another may have to be. */
static int wake_all(struct h7_set *set, const struct h7_set_calls *calls)
{
    struct h7_sleepers *t = set->sleepers;
    int lost = 0;
    for (int k = 0; k < calls->n; k++) {
        int i = calls->at[k];
        if (k > 0)
            h7_lock_turn(&t->at[i].word);
        if (!h7_sleepers_wake(t, i) && h7_sleepers_dead(t, i))
            lost = 1;
    }
    h7_lock_unpend(&h7_self_cache);
    return lost;
}

static void drop_dead(struct h7_set *set, const struct h7_set_calls *calls)
{
    struct h7_sleepers *t = set->sleepers;
    for (int k = 0; k < calls->n; k++) {
        int i = calls->at[k];
        if (h7_load32_relaxed(&t->at[i].state) == H7_SLEEPER_CALLED && h7_sleepers_dead(t, i))
            h7_sleepers_leave(t, &i);
    }
}

void h7_set_leave_to_all(struct h7_set *set, const struct h7_set_calls *calls)
{
    if (calls->n == 0) {
        h7_unlock(&set->hot->lock);
        return;
    }
    drop_dead(set, calls);
    h7_unlock_second(&set->hot->lock); /* pending is the first one's word: V3 */
    wake_all(set, calls);
}

void h7_set_leave_slow(struct h7_set *set, struct h7_set_calls *calls)
{
    int64_t end = 0;
    h7_unlock_second(&set->hot->lock); /* pending is the first one's word: V3 */
    for (int i = 0; i < H7_SLEEPERS && wake_all(set, calls); i++) {
        if (i == 0)
            end = hepta_in_ns(H7_LOCK_GRACE_NS); /* for all of it: the verb may have no time left */
        if (h7_set_enter_fast(set, end) < 0)
            return; /* stopped or removed: those behind look by themselves */
        drop_dead(set, calls);
        h7_set_call(set, NULL, 0, H7_NO_SLEEPER, calls);
        if (calls->n == 0) {
            h7_unlock(&set->hot->lock);
            return;
        }
        h7_set_grant(set, calls);
        h7_unlock_second(&set->hot->lock);
    }
}

/* --- waiting ------------------------------------------------------------------------------ */

/* Would the operation that stopped this one proceed? */
static bool is_ready(void *ctx)
{
    const struct h7_set_waiting *w = ctx;
    const struct h7_set_hot *hot = w->set->hot;
    /* Acquire, with the release of the commit: not needed, it is looked at again under the lock. */
    int64_t value = (int32_t)h7_load32_acquire(&hot->sem[w->want[0] & 0xffff].value);
    if (h7_load32_relaxed(&hot->flags) & H7_SET_REMOVED)
        return true;
    if (w->want[0] & H7_SET_WANTS_EXACTLY)
        return value == (int64_t)w->want[1];
    return value >= (int64_t)w->want[1];
}

static bool is_gone(void *ctx)
{
    (void)ctx;
    return false; /* a set has no other side */
}

static int no_nap(void *ctx, int64_t ns)
{
    (void)ctx;
    (void)ns;
    return 0;
}

/* Wait, in the table. Who was called, and can't proceed, calls others in his place. */
static void enter_table(struct h7_set_waiting *w, struct h7_set_calls *calls)
{
    struct h7_sleepers *t = w->set->sleepers;
    int anew = w->at < 0;
    int was = anew ? H7_SLEEPER_FREE : (int)h7_load32_relaxed(&t->at[w->at].state);
    int news = h7_sleepers_enter(t, &w->at, anew ? h7_sleepers_rank() : 0, w->want);
    if (w->at >= 0) {
        h7_store64_relaxed(&t->at[w->at].own[H7_SET_GRANTED], 0);
        if (anew)
            h7_store64_relaxed(&t->at[w->at].own[H7_SET_SINCE], (uint64_t)hepta_now_ns());
    }
    if (news == 1) { /* the first of another rank: all begin to tick */
        h7_set_call_everybody(w->set, w->at, calls);
        h7_sleepers_ranked(t);
    } else if (was == H7_SLEEPER_CALLED) {
        h7_set_call(w->set, NULL, 0, w->at, calls);
    }
}

/* What those in front may take of a semaphore, who were called and are on their way: all, or the
 * living among them, which takes a system call for each. */
static int64_t taken_in_front(const struct h7_set_waiting *w, uint32_t sem, int living)
{
    const struct h7_sleepers *t = w->set->sleepers;
    int64_t sum = 0;
    int i = h7_sleepers_after(t, H7_NO_SLEEPER);
    for (int k = 0; k < H7_SLEEPERS && i >= 0 && i != w->at; k++) {
        struct condition c = condition_of(w->set, &t->at[i]);
        if (!c.exactly && c.sem == sem && c.value > 0 && c.value <= H7_SET_VALUE_MAX &&
            h7_load32_relaxed(&t->at[i].state) == H7_SLEEPER_CALLED &&
            (!living || !h7_sleepers_dead(t, i)))
            sum += c.value;
        i = h7_sleepers_after(t, i);
    }
    return sum;
}

/* Who looks by himself, or was called to begin to tick, would overtake those in front who were
 * called for what he finds. If they don't come (they may be stopped), he goes on after all. */
int h7_set_is_early(const struct h7_set_waiting *w)
{
    const uint32_t sem = w->want[0] & 0xffff;
    if (w->at < 0 || w->n_early >= EARLY_TICKS || w->want[0] & H7_SET_WANTS_EXACTLY)
        return 0;
    int64_t left = h7_set_value(w->set, sem) - (int64_t)w->want[1];
    return left >= 0 && left < taken_in_front(w, sem, 0) && left < taken_in_front(w, sem, 1);
}

static int announce(void *ctx, int64_t deadline)
{
    struct h7_set_waiting *w = ctx;
    struct h7_set_calls calls = {.n = 0};
    int r = w->at < 0 ? h7_set_bury(w->set, deadline) : 0;
    if (r != 0)
        return r;
    r = h7_set_enter_fast(w->set, deadline);
    if (r < 0)
        return r;
    int early = h7_set_is_early(w);
    int ready = (is_ready(w) && !early) ||
                (w->at >= 0 && h7_load64_relaxed(&w->set->sleepers->at[w->at].own[H7_SET_GRANTED]));
    w->n_early = early ? w->n_early + 1 : 0;
    if (!ready)
        enter_table(w, &calls);
    h7_set_leave_calls(w->set, &calls);
    return ready;
}

static int nap_until_called(void *ctx, int64_t deadline)
{
    struct h7_set_waiting *w = ctx;
    int r = h7_sleepers_sleep(w->set->sleepers, w->at, h7_set_tick(w->set), deadline);
    w->looked = 0;
    return r < 0 ? r : H7_WAIT_AGAIN;
}

/* For who never sleeps, every 2 ms. */
static int look_for_the_dead(void *ctx)
{
    struct h7_set_waiting *w = ctx;
    h7_set_bury(w->set, H7_EXPIRED);
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

/* At a tick, one of all who sleep is enough. */
static int bury_at_tick(struct h7_set *set, int64_t deadline)
{
    struct h7_a64 *looked = &set->shared->looked;
    int64_t now = hepta_now_ns(), last = (int64_t)h7_load64_relaxed(looked);
    if (last <= now && last > now - LOOK_NS)
        return 0;
    int r = h7_set_bury(set, deadline);
    if (r == 0)
        h7_store64_relaxed(looked, (uint64_t)now); /* at the end: who dies in it says nothing */
    return r;
}

static int is_soon(int64_t deadline)
{
    return deadline != HEPTA_FOREVER &&
           (deadline <= 0 || hepta_now_ns() > deadline - SOON_NS); /* NOW and EXPIRED, too */
}

int h7_set_wait(struct h7_set_waiting *w, int64_t *deadline)
{
    int asleep = w->at >= 0, r = 0;
    if (w->nowait || is_soon(*deadline))
        r = h7_set_bury(w->set, *deadline);
    else if (asleep) /* else announce() looks, if it comes to that */
        r = bury_at_tick(w->set, *deadline);
    if (r < 0)
        return r;
    /* Something is back. Who has no time looks once more, or a peer that plants dead owners could
     * keep him here. */
    if (r > 0 && (w->n_buried++ == 0 || (!w->nowait && hepta_now_ns() < *deadline)))
        return 0;
    if (w->nowait || *deadline == HEPTA_NOW || *deadline == H7_EXPIRED)
        return -EAGAIN;
    if (*deadline != HEPTA_FOREVER && hepta_now_ns() >= *deadline)
        return -ETIMEDOUT;
    if (asleep) {
        r = announce(w, *deadline);
        return r < 0 ? r : r > 0 ? 0 : nap_until_called(w, *deadline);
    }
    return h7_wait(&w->set->waiter, &ops, w, *deadline);
}

int h7_set_give_up(struct h7_set_waiting *w)
{
    struct h7_sleepers *t = w->set->sleepers;
    struct h7_set_calls calls = {.n = 0};
    if (h7_set_enter_fast(w->set, h7_set_patience()) < 0) {
        /* Removed, corrupt, or stopped: whoever calls this record finds nobody. */
        h7_store32_relaxed(&t->at[w->at].tid, 0);
        return 0;
    }
    int granted = h7_load64_relaxed(&t->at[w->at].own[H7_SET_GRANTED]) != 0;
    if (h7_sleepers_leave(t, &w->at) == H7_SLEEPER_CALLED)
        h7_set_call(w->set, NULL, 0, H7_NO_SLEEPER, &calls);
    h7_set_leave_calls(w->set, &calls);
    return granted;
}
