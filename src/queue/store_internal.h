/* SPDX-License-Identifier: MIT */
/*
 * queue/store_internal.h - what the store's own files share; the protocol is in queue/store.h
 *
 * "Under P", "under C": that lock is held.
 */
#ifndef H7_QUEUE_STORE_INTERNAL_H
#define H7_QUEUE_STORE_INTERNAL_H

#include <errno.h>

#include "base/clock.h"
#include "queue/store.h"

#define H7_SLOT_BITS 20
#define H7_SLOT_MASK ((1u << H7_SLOT_BITS) - 1)

static inline uint64_t h7_head_count(uint64_t head)
{
    return head >> H7_SLOT_BITS;
}

/* Messages published. Acquire, with the release in h7_send_publish(): the slots. */
static inline uint64_t h7_published(const struct h7_store *st)
{
    return h7_head_count(h7_load64_acquire(&st->shared->head));
}

static inline void h7_add(struct h7_a32 *n, uint32_t by)
{
    h7_store32_relaxed(n, h7_load32_relaxed(n) + by); /* under the lock that guards it */
}
static inline void h7_add64(struct h7_a64 *n, uint64_t by)
{
    h7_store64_relaxed(n, h7_load64_relaxed(n) + by);
}

/* --- store.c: locks --- */

int h7_store_enter_slow(struct h7_store *st, int side, int r, int64_t deadline);

/* Take one lock, with nothing dirty. 0, or as store.h says of all verbs. */
static inline int h7_store_enter(struct h7_store *st, int side, int64_t deadline)
{
    struct h7_store_shared *sh = st->shared;
    int r = h7_lock(&sh->side[side].lock, deadline);
    if (h7_likely(r == 0 && !h7_load32_relaxed(&sh->dirty) && !h7_load32_relaxed(&sh->removed)))
        return 0;
    return h7_store_enter_slow(st, side, r, deadline);
}
/* Holding P, C too, with nothing dirty. On failure P is still held. */
int h7_store_enter_c_too(struct h7_store *st, int64_t deadline);
/* The deadline of a verb that has none. */
static inline int64_t h7_store_patience(void)
{
    return hepta_in_ms(H7_STORE_PATIENCE_MS);
}

/* The same for a verb without one. HEPTA_NOW first, which waits long enough for a holder that
 * runs: to read the clock takes longer than all the rest. */
static inline int h7_store_enter_patiently(struct h7_store *st, int side)
{
    int r = h7_store_enter(st, side, HEPTA_NOW);
    return h7_likely(r != -EAGAIN) ? r : h7_store_enter(st, side, h7_store_patience());
}

/* --- wait.c: calling, sleeping, the level --- */

/* A sleeper that was called under a lock and is to be woken after it; i < 0: nobody. */
struct h7_call {
    int i;
};
/* Under the side's lock, before the store that makes the call needed. */
void h7_call_plan_slow(struct h7_store *st, int side, uint64_t key, struct h7_call *call);
static inline void h7_call_plan(struct h7_store *st, int side, uint64_t key,
                                struct h7_call *call)
{
    call->i = H7_NO_SLEEPER;
    if (h7_unlikely(h7_sleepers_any(&st->shared->sleepers[side])))
        h7_call_plan_slow(st, side, key, call);
}
/* Instead of h7_unlock(). */
void h7_call_leave_slow(struct h7_store *st, int side, struct h7_call *call);
static inline void h7_call_leave(struct h7_store *st, int side, struct h7_call *call)
{
    if (h7_likely(call->i < 0))
        h7_unlock(&st->shared->side[side].lock);
    else
        h7_call_leave_slow(st, side, call);
}
/* Under both locks: call one, or all, and wake at once. */
void h7_call_now(struct h7_store *st, int side, uint64_t key);
void h7_call_everybody(struct h7_store *st, int side);
/* Under the side's lock, before that store: the level goes up. */
static inline int h7_level_raise(struct h7_store *st, int side)
{
    struct h7_store_side *s = &st->shared->side[side];
    if (h7_likely(!h7_load32_relaxed(&s->polled)) || !h7_bell_wanted(&s->bell))
        return 0;
    return h7_bell_ring(&s->bell, st->bell[side], H7_BELL_FIFO);
}

/* One verb's wait. side: H7_P a receiver's, H7_C a sender's: whose table, and whose lock. */
struct h7_waiting {
    struct h7_store *st;
    int side;
    int at; /* record, once asleep */
    uint32_t n_buried; /* times that claims of the dead were ended */
    uint32_t turns;
    uint64_t seen;    /* published or freed, when there was nothing to be had */
    uint64_t want[3]; /* enum h7_pick, key, - */
};
void h7_waiting_begin(struct h7_waiting *w, struct h7_store *st, int side);
/* Before the look: remember what will be seen. */
static inline void h7_waiting_look(struct h7_waiting *w)
{
    struct h7_store_shared *sh = w->st->shared;
    w->turns = h7_load32_relaxed(&sh->turns); /* an older one only means another look */
}
/* After a look in vain, under the lock: how much of the inbox a receiver, or of the outbox a
 * sender has seen. */
static inline void h7_waiting_saw(struct h7_waiting *w)
{
    const struct h7_store_side *side = w->st->shared->side;
    w->seen = h7_load64_relaxed(w->side == H7_P ? &side[H7_C].drained : &side[H7_P].freed_seen);
}
/* There was nothing. 0 look again; or -EAGAIN, -ETIMEDOUT, -EINTR, ... */
int h7_waiting_wait(struct h7_waiting *w, int64_t *deadline);
void h7_waiting_end_slow(struct h7_waiting *w, int got);
static inline void h7_waiting_end(struct h7_waiting *w, int got)
{
    if (h7_unlikely(w->at >= 0))
        h7_waiting_end_slow(w, got);
}

/* --- bytes.c --- */

/* Blocks that so many bytes take. */
uint32_t h7_blocks_for(const struct h7_store *st, size_t len);
/* Bytes of a message: copy all or the first len of it. 0, -EBADMSG. */
int h7_bytes_in(struct h7_store *st, uint32_t slot, const void *buf, size_t len);
int h7_bytes_out(const struct h7_store *st, uint32_t slot, void *buf, size_t len);
/* Where len of them lie in one piece, or NULL. len is the caller's own: what the slot says may
 * change meanwhile. 0: where they begin. */
char *h7_bytes_at(const struct h7_store *st, uint32_t slot, size_t len);
/* What the slot says of itself is possible. 0, -EBADMSG. */
int h7_slot_sane(const struct h7_store *st, uint32_t slot);

/* --- send.c --- */

/* Under P: a free slot, with a place for len bytes. -EAGAIN, -EBADMSG. */
int h7_send_place(struct h7_store *st, size_t len, int whole, uint32_t *slot);
/* Under P: it is sent. */
int h7_send_publish(struct h7_store *st, uint32_t slot, uint64_t key, size_t len,
                    struct h7_call *call);
/* Does somebody want to be told? It changes under both locks. */
static inline int h7_notify_wanted(const struct h7_store *st)
{
    return st->notify && h7_load32_relaxed(st->notify_wanted) != 0;
}
/* Under P and C: a message is about to come. */
void h7_send_tell(struct h7_store *st);

/* --- take.c --- */

/* Under C: the message is gone. */
void h7_take_free(struct h7_store *st, uint32_t slot, struct h7_call *call);

/* --- claim.c --- */

/* Once a process, before its first claim: open life; once a queue: sleepers begin to tick. */
int h7_claims_prepare(struct h7_store *st);
/* Does somebody hold something? */
int h7_claims_any(const struct h7_store *st);
/* Before a receive: what a dead process had leased may come before what is there. Looks once in a
 * tick of the kernel's clock, since it costs a system call for each owner. */
void h7_claims_look_slow(struct h7_store *st);
static inline void h7_claims_look(struct h7_store *st)
{
    if (h7_unlikely(h7_load32_relaxed(&st->shared->claimed)))
        h7_claims_look_slow(st);
}
/* Under the side's lock: it becomes this process's. */
int h7_claims_add(struct h7_store *st, int side, uint32_t slot, uint32_t state);
/* Of what this process has just claimed: if it isn't its any more, a peer has written that. */
static inline int h7_claims_still(int r)
{
    return r == -EPERM || r == -ESRCH ? -EBADMSG : r;
}
/* Without a lock, of one that is this process's: others may treat it as a dead one's. */
void h7_claims_abandon(struct h7_store *st, uint32_t slot);
int h7_claims_drop(struct h7_store *st, int side, uint32_t slot);
/* This process's claim, of that state? 0, -ESRCH, -EPERM. */
int h7_claims_mine(const struct h7_store *st, uint32_t slot, uint32_t state);
/* Under both: back to its place, or free. */
int h7_claims_return(struct h7_store *st, uint32_t slot);
int h7_claims_cancel(struct h7_store *st, uint32_t slot);
/* Under both: end those of the dead. How many, or negative errno. */
int h7_claims_bury(struct h7_store *st);
uint64_t h7_claims_lease(const struct h7_store *st, uint32_t slot);

#endif
