/* SPDX-License-Identifier: MIT */
/*
 * memory/mutex.c - the robust mutex; see memory/mutex_internal.h
 *
 * Start at hepta_shm_mutex_lock(): one compare-and-swap where it is free. Who finds it held spins
 * a little, sleeps, and after each tick asks whether the owner lives.
 */
#define _GNU_SOURCE
#include "memory/mutex_internal.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "base/sys.h"
#include "prim/life.h"

#define MAX_SPINS 200 /* a holder that runs is through soon, or not for long */

/* How long a waiter believes that the owner lives, and how many times it asks that often. */
#define TICK_NS     (10 * H7_MS)
#define N_TICKS     10
#define LATER_TICK_NS (20 * H7_MS)

#define TAG_UNKNOWN    0u
#define TAG_BITS       20
#define TAG_START_TIME (1u << TAG_BITS)
#define NS_SHIFT       44

/* --- who am I ------------------------------------------------------------------------ */

static uint32_t tag_of(uint64_t mark)
{
    if (mark == 0)
        return TAG_UNKNOWN;
    uint64_t number = mark & ~H7_LIFE_START_TIME;
    uint32_t hash = (uint32_t)(number * 0x9e3779b97f4a7c15ull >> (64 - TAG_BITS));
    return (hash ? hash : 1) | (mark & H7_LIFE_START_TIME ? TAG_START_TIME : 0);
}

static uint32_t tag_in(uint64_t word)
{
    return (uint32_t)(word >> 22 & 0x1ff) | (uint32_t)(word >> 32 & 0xfff) << 9;
}

uint64_t h7_mutex_owner(uint32_t tid, uint64_t mark, uint64_t pidns)
{
    uint64_t tag = tag_of(mark);
    return (tid & H7_MUTEX_TID) | (tag & 0x1ff) << 22 | (tag >> 9) << 32 | pidns << NS_SHIFT;
}

/* The word that this thread writes, of the fork generation in which it was made. */
static __thread struct {
    uint64_t gen, word;
} me __attribute__((tls_model("initial-exec")));

/* Without a descriptor left the mark can't be known; then it is only this once. */
static int name_self(uint64_t *word)
{
    struct h7_self *s = h7_self();
    uint64_t mark = 0, pidns = s ? h7_self_pidns() : 0;
    if (pidns == 0)
        return s ? -ENOSYS : h7_self_fill() == -ENOMEM ? -ENOMEM : -ENOSYS;
    int r = h7_life_of_thread((pid_t)s->tid, 0, &mark);
    if (r < 0)
        r = h7_life_of_thread((pid_t)s->tid, H7_LIFE_START_TIME, &mark);
    *word = h7_mutex_owner(s->tid, r == 0 ? mark : 0, pidns);
    if (r == 0) {
        me.word = *word;
        me.gen = s->gen;
    }
    return 0;
}

/* The second case: it was taken while the mark couldn't be known. */
static int written_by(uint64_t word, uint64_t mine)
{
    word &= ~(uint64_t)H7_MUTEX_WAITERS;
    return word == mine ||
           word == h7_mutex_owner((uint32_t)mine & H7_MUTEX_TID, 0, mine >> NS_SHIFT);
}

static inline int know_self(uint64_t *word)
{
    *word = me.word;
    if (h7_likely(me.gen != 0 && me.gen == h7_fork_gen()))
        return 0;
    return name_self(word);
}

/* --- is the owner alive -------------------------------------------------------------- */

int h7_mutex_orphaned(uint64_t word)
{
    pid_t tid = (pid_t)(word & H7_MUTEX_TID);
    uint32_t tag = tag_in(word);
    uint64_t mark = 0, pidns = h7_self_pidns();
    if ((word ^ pidns << NS_SHIFT) >> NS_SHIFT)
        return -EXDEV;
    if (tag == TAG_UNKNOWN)
        return h7_sys_thread_probe(tid) == -ESRCH;
    int r = h7_life_of_thread(tid, tag & TAG_START_TIME ? H7_LIFE_START_TIME : 0, &mark);
    if (r < 0 && r != -ESRCH) /* it doesn't say; but this does */
        return h7_sys_thread_probe(tid) == -ESRCH;
    return r == -ESRCH || tag_of(mark) != tag;
}

/* --- waiting ------------------------------------------------------------------------- */

static struct h7_mutex_shared *shared(hepta_shm_mutex_t *m)
{
    if (h7_unlikely(!m || (uintptr_t)m % _Alignof(hepta_shm_mutex_t)))
        return NULL;
    return (struct h7_mutex_shared *)m;
}

static struct h7_a32 *futex_word(struct h7_mutex_shared *m)
{
    return (struct h7_a32 *)&m->word;
}

static void let_go(struct h7_mutex_shared *m, int n_wake)
{
    /* Release, with the acquire of whoever takes it next: all that the owner wrote.
     * Linearization point of unlock: the swap. */
    uint64_t old = h7_swap64_release(&m->word, 0);
    if (h7_unlikely(old & H7_MUTEX_WAITERS))
        h7_sys_futex_wake(futex_word(m), n_wake); /* M4 until this has returned */
}

/* Taken; is what it guards in order? Relaxed: only owners write it, and the take acquired. */
static int enter(struct h7_mutex_shared *m)
{
    uint32_t state = h7_load32_relaxed(&m->state);
    if (h7_likely(state == H7_MUTEX_FINE))
        return 0;
    if (state == H7_MUTEX_INCONSISTENT) /* whoever was told has died, too */
        return -EOWNERDEAD;
    let_go(m, INT_MAX);
    return state == H7_MUTEX_LOST ? -ENOTRECOVERABLE : -EBADMSG;
}

static int try_take(struct h7_mutex_shared *m, uint64_t mine)
{
    uint64_t free_word = 0;
    return h7_cas64_acquire(&m->word, &free_word, mine) ? enter(m) : -EAGAIN;
}

/* Advice from the mutex itself, as any field of it bounded: twice as long as it took last. */
static int spin(struct h7_mutex_shared *m, uint64_t mine)
{
    uint32_t paid = h7_load32_relaxed(&m->spins);
    uint32_t most = paid < MAX_SPINS / 2 ? paid * 2 + 10 : MAX_SPINS, n = 0;
    int r = -EAGAIN;
    for (; n < most && r == -EAGAIN; n++) {
        h7_pause();
        if (h7_load64_relaxed(&m->word) == 0) /* the compare-and-swap acquires */
            r = try_take(m, mine);
    }
    uint32_t took = r == -EAGAIN ? 0 : n; /* a spin in vain: shorter next time */
    h7_store32_relaxed(&m->spins, (paid < MAX_SPINS ? paid : MAX_SPINS) / 2 + took / 2);
    return r;
}

/* What was found is the word of a dead thread, so nobody but an heir changes it, and one only
 * succeeds. Waiters are assumed: those of the dead one. */
static int take_over(struct h7_mutex_shared *m, uint64_t found, uint64_t mine)
{
    int r = h7_mutex_orphaned(found);
    if (r <= 0)
        return r < 0 ? r : -EAGAIN;
    if (!h7_cas64_acquire(&m->word, &found, mine | H7_MUTEX_WAITERS))
        return -EAGAIN;
    if (h7_load32_relaxed(&m->state) == H7_MUTEX_FINE)
        h7_store32_relaxed(&m->state, H7_MUTEX_INCONSISTENT); /* M2 until here */
    h7_add64_relaxed(&m->recoveries, 1);
    return enter(m);
}

/* What was found, held, as far as it can be what somebody wrote. */
static int check_word(uint64_t found, uint64_t mine)
{
    if ((found & H7_MUTEX_TID) == 0)
        return -EBADMSG;
    return written_by(found, mine) ? -EDEADLK : 0;
}

/* Sleep once, at most until then. No wake-up is lost: WAITERS is in the word before the futex call
 * compares it, and an unlock that comes later sees it. */
static void sleep_once(struct h7_mutex_shared *m, uint64_t found, int64_t until)
{
    if (!(found & H7_MUTEX_WAITERS)) {
        if (!h7_cas64_relaxed(&m->word, &found, found | H7_MUTEX_WAITERS))
            return;
        found |= H7_MUTEX_WAITERS;
    }
    h7_sys_futex_wait(futex_word(m), (uint32_t)found, until);
}

struct wait {
    int64_t deadline, tick;
    unsigned n_ticks;
};

/* After a sleep: is it time to ask, or over? -EAGAIN: neither, or he lives. */
static int look(struct h7_mutex_shared *m, struct wait *w, uint64_t mine)
{
    int r = -EAGAIN;
    int64_t now = hepta_now_ns();
    uint64_t found = h7_load64_relaxed(&m->word);
    if ((now >= w->tick || now >= w->deadline) && found & H7_MUTEX_TID) {
        r = take_over(m, found, mine);
        w->tick = now + (++w->n_ticks < N_TICKS ? TICK_NS : LATER_TICK_NS);
    }
    if (r == -EAGAIN && now >= w->deadline) {
        /* Once more: the wake-up that brought us here may have been the only one. */
        r = try_take(m, mine | H7_MUTEX_WAITERS);
        return r == -EAGAIN ? h7_expired(w->deadline) : r;
    }
    return r;
}

/* Whoever has slept can't know who else does: it takes the lock with WAITERS. */
static int wait_for(struct h7_mutex_shared *m, uint64_t mine, int64_t deadline)
{
    struct wait w = {.deadline = deadline, .tick = hepta_now_ns() + TICK_NS};
    int r = -EAGAIN;
    while (r == -EAGAIN) {
        uint64_t found = h7_load64_relaxed(&m->word);
        if (found == 0) {
            r = try_take(m, mine | H7_MUTEX_WAITERS);
            if (r != -EAGAIN)
                return r;
        } else {
            r = check_word(found, mine);
            if (r < 0)
                return r;
            sleep_once(m, found, h7_earlier(w.tick, deadline));
        }
        r = look(m, &w, mine); /* also bounds what a peer that scribbles can do */
    }
    return r;
}

static __attribute__((noinline)) int lock_slow(struct h7_mutex_shared *m, uint64_t mine,
                                               int64_t deadline)
{
    uint64_t found = h7_load64_relaxed(&m->word);
    int r = found ? check_word(found, mine) : 0;
    if (r == 0)
        r = spin(m, mine);
    if (r != -EAGAIN)
        return r;
    if (deadline != HEPTA_NOW)
        return wait_for(m, mine, h7_deadline(deadline));
    found = h7_load64_relaxed(&m->word);
    return found & H7_MUTEX_TID ? take_over(m, found, mine) : try_take(m, mine);
}

/* --- verbs --------------------------------------------------------------------------- */

int hepta_shm_mutex_lock(hepta_shm_mutex_t *m, int64_t deadline)
{
    struct h7_mutex_shared *sh = shared(m);
    uint64_t mine, free_word = 0;
    if (h7_unlikely(!sh))
        return -EINVAL;
    int r = know_self(&mine);
    if (h7_unlikely(r < 0))
        return r;
    /* Acquire, with the release in let_go(). Linearization point, also in try_take(). */
    if (h7_likely(h7_cas64_acquire(&sh->word, &free_word, mine)))
        return enter(sh);
    return lock_slow(sh, mine, deadline);
}

/* Does the calling thread have it? Only it could write its name there. */
static int owned(struct h7_mutex_shared *m)
{
    uint64_t mine, found = h7_load64_relaxed(&m->word);
    return found != 0 && know_self(&mine) == 0 && written_by(found, mine);
}

int hepta_shm_mutex_unlock(hepta_shm_mutex_t *m)
{
    struct h7_mutex_shared *sh = shared(m);
    if (h7_unlikely(!sh))
        return -EINVAL;
    if (h7_unlikely(!owned(sh)))
        return -EPERM;
    int lost = h7_load32_relaxed(&sh->state) != H7_MUTEX_FINE; /* mended() wasn't said */
    if (h7_unlikely(lost))
        h7_store32_relaxed(&sh->state, H7_MUTEX_LOST);
    let_go(sh, lost ? INT_MAX : 1); /* from the store before to here: M3 */
    return 0;
}

int hepta_shm_mutex_mended(hepta_shm_mutex_t *m)
{
    struct h7_mutex_shared *sh = shared(m);
    if (!sh)
        return -EINVAL;
    if (!owned(sh))
        return -EPERM;
    if (h7_load32_relaxed(&sh->state) != H7_MUTEX_INCONSISTENT)
        return -EINVAL;
    h7_store32_relaxed(&sh->state, H7_MUTEX_FINE);
    return 0;
}
