/* SPDX-License-Identifier: MIT */
/*
 * signal/mailbox_take.c - how the receiver takes one, under its lock
 *
 * Start at h7_mailbox_take(). Every step leaves a state that mailbox_mend.c can finish; the letters
 * are those of mailbox_internal.h. What a peer may have written is checked before it is an
 * index, and no walk is longer than there are places.
 */
#include "signal/mailbox_internal.h"

/* --- what is told ------------------------------------------------------------------------ */

static void tell_of(int n, uint64_t who, struct hepta_signal_info *info)
{
    memset(info, 0, sizeof *info);
    info->signo = n;
    info->source = HEPTA_SIGNAL_FROM_MAILBOX;
    info->pid = (int32_t)(who >> 32);
    info->uid = (uint32_t)who;
}

static void tell_of_slot(int n, const struct h7_mailbox_slot *slot, struct hepta_signal_info *info)
{
    uint32_t len = h7_load32_relaxed(&slot->what) >> 8;
    tell_of(n, (uint64_t)h7_load32_relaxed(&slot->pid) << 32 | h7_load32_relaxed(&slot->uid),
            info);
    info->len = len <= HEPTA_MAILBOX_PAYLOAD_MAX ? len : HEPTA_MAILBOX_PAYLOAD_MAX;
    memcpy(info->payload, slot->payload, info->len);
}

static inline void count(struct h7_a64 *n, int64_t by)
{
    h7_store64_relaxed(n, h7_load64_relaxed(n) + (uint64_t)by);
}

/* --- turning a stack over ---------------------------------------------------------------- */

int h7_mailbox_in_stack(const struct hepta_mailbox *b, uint32_t q, uint32_t at)
{
    uint32_t cur = h7_load32_acquire(&b->shared->stack[q]);
    for (uint32_t k = 0; cur; k++) {
        if (cur == at)
            return 1;
        if (!h7_mailbox_is_place(b, cur) || k == b->depth)
            return -EBADMSG;
        cur = h7_load32_relaxed(&h7_mailbox_slot(b, cur)->next);
    }
    return 0;
}

/* Every place says which is the next younger one. Returns the oldest, or 0: nonsense. */
static uint32_t turn_over(struct hepta_mailbox *b, uint32_t q, uint32_t at)
{
    uint32_t younger = 0;
    for (uint32_t k = 0; at; k++) {
        if (!h7_mailbox_is_place(b, at) || k == b->depth)
            return 0;
        struct h7_mailbox_slot *slot = h7_mailbox_slot(b, at);
        if ((h7_load32_relaxed(&slot->what) & 0xff) != q + H7_MAILBOX_FIRST)
            return 0;
        h7_store32_relaxed(&slot->state, H7_SLOT_QUEUED);
        h7_store32_relaxed(&slot->fwd, younger);
        younger = at;
        at = h7_load32_relaxed(&slot->next);
    }
    return younger;
}

/* The tail of an empty list may by now be in another one: it isn't touched. A list that begins
 * with the oldest was linked before, from the tail on. */
int h7_mailbox_link(struct hepta_mailbox *b, uint32_t q, uint32_t at)
{
    struct h7_mailbox_list *l = &b->shared->ready[q];
    uint32_t oldest = turn_over(b, q, at);
    uint32_t head = h7_load32_relaxed(&l->head), tail = h7_load32_relaxed(&l->tail);
    if (oldest == 0)
        return -EBADMSG;
    if (head != 0 && head != oldest && tail != at) {
        if (!h7_mailbox_is_place(b, tail))
            return -EBADMSG;
        h7_store32_relaxed(&h7_mailbox_slot(b, tail)->fwd, oldest);
    }
    if (head == 0)
        h7_store32_relaxed(&l->head, oldest);
    h7_store32_relaxed(&l->tail, at);
    /* Release, with h7_mailbox_has(). */
    h7_store64_release(&b->shared->moving, 0);
    return 0;
}

int h7_mailbox_move(struct hepta_mailbox *b, uint32_t q)
{
    struct h7_mailbox_shared *s = b->shared;
    uint32_t at = h7_load32_relaxed(&s->stack[q]);
    for (int i = 0; i < H7_MAILBOX_TRIES && at; i++) {
        if (!h7_mailbox_is_place(b, at))
            return -EBADMSG;
        h7_store64_release(&s->moving, h7_mailbox_note((int)q + H7_MAILBOX_FIRST, at)); /* B5 */
        /* Acquire, with the pushes. */
        if (h7_cas32_acq_rel(&s->stack[q], &at, 0))
            return h7_mailbox_link(b, q, at); /* B6 */
    }
    h7_store64_release(&s->moving, 0);
    return at ? -EAGAIN : 0;
}

/* --- taking ------------------------------------------------------------------------------ */

static inline int acks(const struct hepta_mailbox *b)
{
    return b->flags & HEPTA_MAILBOX_ACK;
}

/* It is ours. B7 until it is free. */
static inline int deliver(struct hepta_mailbox *b, int n, uint32_t at,
                          struct hepta_signal_info *info)
{
    count(&b->shared->received, 1);
    if (info)
        tell_of_slot(n, h7_mailbox_slot(b, at), info);
    if (!acks(b))
        h7_mailbox_free(b, at);
    return n;
}

/* A stack of one, and nothing before it. 0: it has grown. */
static inline int take_alone(struct hepta_mailbox *b, int n, uint32_t at,
                             struct hepta_signal_info *info)
{
    struct h7_mailbox_shared *s = b->shared;
    h7_store32_relaxed(&h7_mailbox_slot(b, at)->state, H7_SLOT_QUEUED);
    if (acks(b))
        h7_store64_relaxed(&s->given, h7_mailbox_note(n, at)); /* B8; the swap releases it */
    /* Linearization point. Acquire, with the push. */
    if (h7_likely(h7_cas32_acq_rel(&s->stack[n - H7_MAILBOX_FIRST], &at, 0)))
        return deliver(b, n, at, info);
    if (acks(b))
        h7_store64_relaxed(&s->given, 0);
    return 0;
}

static int take_ready(struct hepta_mailbox *b, int n, uint32_t at, struct hepta_signal_info *info)
{
    struct h7_mailbox_shared *s = b->shared;
    if (!h7_mailbox_is_place(b, at))
        return -EBADMSG;
    uint32_t fwd = h7_load32_relaxed(&h7_mailbox_slot(b, at)->fwd);
    if (fwd && !h7_mailbox_is_place(b, fwd))
        return -EBADMSG;
    if (acks(b)) {
        h7_store64_relaxed(&s->given, h7_mailbox_note(n, at)); /* B8 */
        h7_fence_compiler(); /* against this thread's death: its own order */
    }
    h7_store32_release(&s->ready[n - H7_MAILBOX_FIRST].head, fwd); /* linearization point */
    return deliver(b, n, at, info);
}

static inline int take_queued(struct hepta_mailbox *b, int n, struct hepta_signal_info *info)
{
    uint32_t q = (uint32_t)n - H7_MAILBOX_FIRST;
    uint32_t at = h7_load32_relaxed(&b->shared->ready[q].head);
    if (at)
        return take_ready(b, n, at, info);
    /* Acquire, with the push: next below. */
    at = h7_load32_acquire(&b->shared->stack[q]);
    if (!at)
        return 0;
    if (h7_unlikely(!h7_mailbox_is_place(b, at)))
        return -EBADMSG;
    if (h7_likely(h7_load32_relaxed(&h7_mailbox_slot(b, at)->next) == 0)) {
        int r = take_alone(b, n, at, info);
        if (h7_likely(r != 0))
            return r;
    }
    int r = h7_mailbox_move(b, q);
    at = h7_load32_relaxed(&b->shared->ready[q].head);
    return r < 0 || !at ? r : take_ready(b, n, at, info);
}

static int take_one(struct hepta_mailbox *b, int n, struct hepta_signal_info *info)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t who = h7_load64_relaxed(&s->who[n]);
    if (!who)
        return 0;
    if (acks(b)) {
        h7_store64_relaxed(&s->given_who, who);
        h7_fence_compiler();
        h7_store64_relaxed(&s->given, h7_mailbox_note(n, 0)); /* B8: then it is pending, anyway */
    }
    /* Linearization point. Acquire, with the commit; and nothing that the program reads then may
     * be older than this: who found it pending has relied on that. */
    if (!h7_cas64_acq_rel(&s->who[n], &who, 0))
        return -EBADMSG; /* nobody else changes it while it is set */
    h7_fence_after_rmw();
    count(&s->received, 1);
    if (info)
        tell_of(n, who, info);
    return n;
}

int h7_mailbox_take(struct hepta_mailbox *b, struct hepta_signal_info *info)
{
    struct h7_mailbox_shared *s = b->shared;
    uint64_t left = h7_load64_relaxed(&s->used) & ~h7_load64_relaxed(&s->blocked);
    for (; left; left &= left - 1) {
        int n = __builtin_ctzll(left) + 1;
        int r = n < H7_MAILBOX_FIRST ? take_one(b, n, info) : take_queued(b, n, info);
        if (r != 0 && r != -EAGAIN)
            return r;
    }
    return 0;
}

/* The note first: a place that is free may be a sender's at once. B7 in between. */
void h7_mailbox_forget(struct hepta_mailbox *b)
{
    uint64_t given = h7_load64_relaxed(&b->shared->given);
    uint32_t at = (uint32_t)(given >> 8);
    h7_store64_relaxed(&b->shared->given, 0);
    h7_fence_compiler();
    if (at && h7_mailbox_is_place(b, at) &&
        h7_load32_relaxed(&h7_mailbox_slot(b, at)->state) == H7_SLOT_QUEUED)
        h7_mailbox_free(b, at);
}
