/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_send.c - sending to a mailbox: no lock, no wait, no system call unless somebody
 * has to be called
 *
 * Start at hepta_mailbox_send(). Async-signal-safe: what a handler interrupts here is a claimed
 * place, or a compare-and-swap that will be tried again.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "signal/mailbox_internal.h"

/* --- calling ----------------------------------------------------------------------------- */

/* Bit 0 goes only after the wake-up, and only if nobody has come to sleep since: B3. */
void h7_mailbox_call(struct h7_mailbox_shared *s)
{
    uint32_t v = h7_load32_relaxed(&s->event);
    for (int i = 0; i < H7_MAILBOX_TRIES; i++) {
        if (!(v & 1))
            return;
        if (h7_cas32_relaxed(&s->event, &v, v + 2))
            break;
    }
    h7_sys_futex_wake(&s->event, INT_MAX);
    v += 2;
    h7_cas32_relaxed(&s->event, &v, v & ~1u);
}

/* It was committed; a full fence lies between. Relaxed: ordered by that. */
static inline void tell(struct hepta_mailbox *b, uint64_t bit)
{
    struct h7_mailbox_shared *s = b->shared;
    uint32_t asked = h7_load32_relaxed(&s->event) | h7_load32_relaxed(&s->want);
    if (h7_likely(!(asked & 1)) || h7_load64_relaxed(&s->blocked) & bit)
        return;
    h7_mailbox_call(s);
    h7_mailbox_ring(b);
}

/* Before the commit: from it on the number is looked at, and who polls is told, even if this
 * thread gets no further (B2, B4). */
static inline void announce(struct hepta_mailbox *b, uint64_t bit)
{
    struct h7_mailbox_shared *s = b->shared;
    if (h7_unlikely(!(h7_load64_relaxed(&s->used) & bit)))
        h7_or64_relaxed(&s->used, bit); /* the commit releases it */
    if (h7_unlikely(h7_load32_relaxed(&s->want) & 1) && !(h7_load64_relaxed(&s->blocked) & bit))
        h7_mailbox_ring(b);
}

/* --- 1 to 31 ----------------------------------------------------------------------------- */

static int send_one(struct hepta_mailbox *b, int n)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t bit = HEPTA_SIGNAL(n), me = h7_load64_relaxed(&b->me), was = 0;
    announce(b, bit);
    /* Full: what this process did before is seen by whoever takes the one that is pending. */
    h7_fence_full();
    if (h7_load64_relaxed(&s->who[n]) != 0 || !h7_cas64_release(&s->who[n], &was, me)) {
        h7_fence_full(); /* the one that set it may never have called */
        h7_add64_relaxed(&s->coalesced, 1);
    }
    h7_fence_after_rmw(); /* linearization point: the swap, or that it was set */
    tell(b, bit);
    return 0;
}

/* --- 32 to 64 ---------------------------------------------------------------------------- */

static inline int claim_at(struct hepta_mailbox *b, uint32_t i, uint32_t tid)
{
    uint32_t none = 0;
    /* Acquire, with the release of who freed it. */
    if (!h7_cas32_acquire(&b->slots[i].state, &none, tid))
        return 0;
    h7_store32_relaxed(&b->hint, i + 1 < b->depth ? i + 1 : 0);
    return 1;
}

/* Nothing is free. Are there places of the dead? The receiver looks, if it hasn't just done so. Or
 * is the name gone, and who removed it couldn't say so here? */
static int refuse(struct hepta_mailbox *b)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t ago = (uint64_t)h7_clock_tick() - h7_load64_relaxed(&s->swept);
    struct stat st;
    h7_add64_relaxed(&s->refused, 1);
    if (ago < H7_MAILBOX_SWEEP_NS || h7_load32_relaxed(&s->starved))
        return -EAGAIN;
    if (fstat(b->seg.fd, &st) == 0 && st.st_nlink == 0)
        h7_store32_relaxed(&s->unlinked, 1);
    h7_store32_relaxed(&s->starved, 1);
    h7_fence_full(); /* with a sleeper's: starved, or odd */
    h7_mailbox_call(s);
    h7_mailbox_ring(b);
    return -EAGAIN;
}

/* Place + 1, or 0. Once it was full, it is until something was freed. */
static __attribute__((noinline)) uint32_t claim_slow(struct hepta_mailbox *b, uint32_t tid)
{
    /* Acquire, with h7_mailbox_free(): what was freed by then, is. */
    uint64_t freed = h7_load64_acquire(&b->shared->freed);
    if (h7_load64_relaxed(&b->full) == freed + 1)
        return 0;
    uint32_t last = (uint32_t)(freed & 0xffff), start = h7_load32_relaxed(&b->hint);
    if (last < b->depth && claim_at(b, last, tid))
        return last + 1;
    for (uint32_t k = 0; k < b->depth; k++) {
        uint32_t i = start + k < b->depth ? start + k : start + k - b->depth;
        if (h7_load32_relaxed(&b->slots[i].state) == 0 && claim_at(b, i, tid))
            return i + 1;
    }
    h7_store64_relaxed(&b->full, freed + 1);
    return 0;
}

static inline int push(struct h7_mailbox_shared *s, uint32_t q, struct h7_mailbox_slot *slot,
                       uint32_t at)
{
    uint32_t head = h7_load32_relaxed(&s->stack[q]);
    for (int i = 0; i < H7_MAILBOX_TRIES; i++) {
        h7_store32_relaxed(&slot->next, head);
        /* Linearization point. Release, with the receiver's acquire: the place and all before it.
         * A head that was taken and came back meanwhile is as good: it is what lies below. */
        if (h7_likely(h7_cas32_release(&s->stack[q], &head, at)))
            return 0;
    }
    h7_store32_release(&slot->state, 0);
    return -EBADMSG;
}

static inline int send_queued(struct hepta_mailbox *b, uint32_t tid, int n, const void *payload,
                              size_t len)
{
    uint64_t bit = HEPTA_SIGNAL(n), me = h7_load64_relaxed(&b->me);
    uint32_t at = h7_load32_relaxed(&b->hint) + 1;
    if (h7_unlikely(!claim_at(b, at - 1, tid)))
        at = claim_slow(b, tid);
    if (h7_unlikely(at == 0))
        return refuse(b);
    struct h7_mailbox_slot *slot = h7_mailbox_slot(b, at); /* B1 from here on */
    h7_store32_relaxed(&slot->what, (uint32_t)n | (uint32_t)len << 8);
    h7_store32_relaxed(&slot->pid, (uint32_t)(me >> 32));
    h7_store32_relaxed(&slot->uid, (uint32_t)me);
    if (len)
        memcpy(slot->payload, payload, len);
    announce(b, bit);
    if (h7_unlikely(push(b->shared, (uint32_t)n - H7_MAILBOX_FIRST, slot, at) < 0))
        return -EBADMSG;
    h7_fence_after_rmw(); /* B2 until it is told */
    tell(b, bit);
    return 0;
}

/* --- the verb ---------------------------------------------------------------------------- */

static int check(int n, const void *payload, size_t len, uint32_t flags)
{
    if (n < 0 || n > HEPTA_SIGNAL_MAX || flags & ~HEPTA_MAILBOX_LIVE)
        return -EINVAL;
    if (len > HEPTA_MAILBOX_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (len > 0 && n < H7_MAILBOX_FIRST)
        return -EINVAL;
    return len > 0 && !payload ? -EFAULT : 0;
}

/* That the name may be gone is only a hint: whoever said so can have been killed before it was. */
static int is_unlinked(struct hepta_mailbox *b)
{
    struct stat st;
    if (!h7_load32_relaxed(&b->shared->unlinked))
        return 0;
    if (!h7_load32_relaxed(&b->gone) && fstat(b->seg.fd, &st) == 0 && st.st_nlink == 0)
        h7_store32_relaxed(&b->gone, 1);
    return (int)h7_load32_relaxed(&b->gone);
}

static uint32_t thread_id(void)
{
    struct h7_self *self = h7_self();
    return self ? self->tid : (uint32_t)h7_sys_gettid();
}

static __attribute__((noinline)) int send_other(struct hepta_mailbox *b, int n,
                                                const void *payload, size_t len, uint32_t flags)
{
    int r = check(n, payload, len, flags);
    if (r < 0)
        return r;
    if ((flags & HEPTA_MAILBOX_LIVE || is_unlinked(b)) && !h7_mailbox_is_received(b->shared))
        return -ESRCH;
    if (n == 0)
        return 0;
    return n < H7_MAILBOX_FIRST ? send_one(b, n) : send_queued(b, thread_id(), n, payload, len);
}

int hepta_mailbox_send(struct hepta_mailbox *b, int signo, const void *payload, size_t len,
                       uint32_t flags)
{
    int r = h7_mailbox_enter(b);
    if (h7_unlikely(r < 0))
        return r;
    const struct h7_self *self = &h7_self_cache;
    uint32_t q = (uint32_t)signo - H7_MAILBOX_FIRST;
    if (h7_unlikely(q >= H7_MAILBOX_QUEUES || flags || len > HEPTA_MAILBOX_PAYLOAD_MAX ||
                    (len && !payload) || h7_load32_relaxed(&b->shared->unlinked) ||
                    self->gen == 0 || self->gen != h7_fork_gen()))
        return send_other(b, signo, payload, len, flags);
    return send_queued(b, self->tid, signo, payload, len);
}
