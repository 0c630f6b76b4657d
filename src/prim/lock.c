/* SPDX-License-Identifier: MIT */
/* prim/lock.c - the contended half of prim/lock.h */
#include "prim/lock.h"

#include <limits.h>

#include "base/clock.h"
#include "base/sys.h"

/* Enough for a holder that runs on another core to finish a small copy. */
#define N_SPINS 100

/* Try to turn what was found into ours. Waiters are assumed when we have waited. */
static int try_take(struct h7_lock *l, uint32_t found, uint32_t tid, int waited)
{
    uint32_t want = tid | (found & H7_LOCK_WAITERS) | (waited ? H7_LOCK_WAITERS : 0);
    if (!h7_cas32_acquire(&l->word, &found, want))
        return -EAGAIN;
    return found & (H7_LOCK_OWNER_DIED | H7_LOCK_TID) ? -EOWNERDEAD : 0;
}

static int spin(struct h7_lock *l, uint32_t tid)
{
    for (int i = 0; i < N_SPINS; i++) {
        uint32_t v = h7_load32_relaxed(&l->word); /* the CAS acquires */
        if ((v & H7_LOCK_TID) == 0) {
            int r = try_take(l, v, tid, 0);
            if (r != -EAGAIN)
                return r;
        }
        h7_pause();
    }
    return -EAGAIN;
}

/* C4: pending was lost. A dead holder's word is taken over as the kernel would have. */
static int take_from_dead(struct h7_lock *l, uint32_t tid)
{
    uint32_t v = h7_load32_relaxed(&l->word);
    if ((v & H7_LOCK_TID) == 0 || h7_sys_thread_probe((pid_t)(v & H7_LOCK_TID)) != -ESRCH)
        return -EAGAIN;
    return try_take(l, v, tid, 1);
}

/* One sleep of at most a tick. No wake-up is lost: WAITERS is in the word before the
 * futex call compares it, and an unlock that comes later sees it. */
static void sleep_once(struct h7_lock *l, uint32_t v, int64_t until)
{
    if (!(v & H7_LOCK_WAITERS)) {
        if (!h7_cas32_relaxed(&l->word, &v, v | H7_LOCK_WAITERS))
            return;
        v |= H7_LOCK_WAITERS;
    }
    h7_sys_futex_wait(&l->word, v, until);
}

static int wait_for(struct h7_lock *l, uint32_t tid, int64_t deadline)
{
    if (deadline == H7_EXPIRED)
        return -EAGAIN;
    int64_t now = hepta_now_ns();
    int64_t tick = now + H7_LOCK_TICK_NS;
    int64_t end = deadline == HEPTA_NOW ? now + H7_LOCK_GRACE_NS : deadline;
    for (;;) {
        uint32_t v = h7_load32_relaxed(&l->word);
        if ((v & H7_LOCK_TID) == 0) {
            int r = try_take(l, v, tid, 1);
            if (r != -EAGAIN)
                return r;
        } else if ((v & H7_LOCK_TID) == tid) {
            return -EBADMSG; /* we don't hold it: pending was empty */
        } else {
            sleep_once(l, v, h7_earlier(tick, end));
        }
        now = hepta_now_ns(); /* a peer that scribbles the word can't keep us here */
        if (now >= tick || now >= end) {
            int r = take_from_dead(l, tid);
            if (r != -EAGAIN)
                return r;
            tick = now + H7_LOCK_TICK_NS;
        }
        if (now >= end) {
            /* Once more: the wake-up that brought us here may have been the only one. */
            v = h7_load32_relaxed(&l->word);
            int r = (v & H7_LOCK_TID) == 0 ? try_take(l, v, tid, 1) : -EAGAIN;
            return r != -EAGAIN ? r : h7_expired(deadline);
        }
    }
}

/* Pending never names it, so a holder that died with both has left it like that, and nobody will
 * be woken: it is asked for at once, not after a tick. */
int h7_lock_second(struct h7_lock *l, int64_t deadline)
{
    uint32_t v = 0, tid = h7_self_cache.tid;
    /* Acquire, as in h7_lock(). The calling thread holds one, so it is known. */
    if (h7_cas32_acquire(&l->word, &v, tid))
        return 0;
    int r = spin(l, tid);
    if (r == -EAGAIN)
        r = take_from_dead(l, tid);
    return r == -EAGAIN ? wait_for(l, tid, deadline) : r;
}

int h7_lock_slow(struct h7_lock *l, int64_t deadline)
{
    uint32_t tid = h7_self_cache.tid;
    int r = spin(l, tid);
    if (r == -EAGAIN)
        r = wait_for(l, tid, deadline);
    if (r < 0 && r != -EOWNERDEAD)
        h7_lock_unpend(&h7_self_cache);
    return r;
}

void h7_lock_wake(struct h7_lock *l)
{
    h7_sys_futex_wake(&l->word, 1);
}
