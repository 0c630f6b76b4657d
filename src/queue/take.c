/* SPDX-License-Identifier: MIT */
/*
 * queue/take.c - messages out of the queue; see queue/store.h
 *
 * Reading order: h7_store_take(), take_locked(), pick(), h7_take_free(). A message of more than
 * H7_STORE_COPY_MAX bytes is copied without the lock, as a lease that the verb itself ends.
 */
#include <string.h>

#include "queue/store_internal.h"

#define SLOTS_AHEAD 4 /* fetched into the cache while those before go into the index */

/* --- what was published ----------------------------------------------------------------- */

static struct h7_store_side *consumers(const struct h7_store *st)
{
    return &st->shared->side[H7_C];
}

/* Entry `at` of the inbox, if it is what must be there. */
static int inbox_slot(const struct h7_store *st, uint64_t at, uint32_t slot)
{
    if (slot >= st->plan.n_slots)
        return -EBADMSG;
    /* Relaxed: ordered by the acquire of head. */
    const struct h7_slot *s = &st->slots[slot];
    return h7_load32_relaxed(&s->state) == H7_SLOT_QUEUED && h7_load64_relaxed(&s->seq) == at
               ? 0
               : -EBADMSG;
}

static void fetch_ahead(const struct h7_store *st, uint64_t at)
{
    uint32_t slot = h7_load32_relaxed(&st->inbox[at & st->ring_mask]);
    if (slot >= st->plan.n_slots)
        return;
    __builtin_prefetch(&st->slots[slot]);
    __builtin_prefetch((const char *)&st->slots[slot] + H7_CACHE_LINE);
}

static int drain(struct h7_store *st, uint64_t from, uint64_t to)
{
    if (to - from > st->plan.n_slots)
        return -EBADMSG;
    for (uint64_t at = from; at != to; at++) {
        uint32_t slot = h7_load32_relaxed(&st->inbox[at & st->ring_mask]);
        if (at + SLOTS_AHEAD < to)
            fetch_ahead(st, at + SLOTS_AHEAD);
        int r = inbox_slot(st, at, slot);
        if (r == 0)
            r = h7_index_push(&st->index, slot);
        if (r < 0)
            return r;
        h7_store64_relaxed(&consumers(st)->last_key, h7_load64_relaxed(&st->slots[slot].key));
        h7_store64_relaxed(&consumers(st)->drained, at + 1);
    }
    return 0;
}

/* --- which one -------------------------------------------------------------------------- */

static int find(struct h7_store *st, const struct h7_take *t, uint32_t *slot)
{
    int r;
    switch (t->pick) {
    case H7_PICK_KEY:
        return h7_index_first_of(&st->index, t->key, slot);
    case H7_PICK_NOT_KEY:
        return h7_index_oldest_but(&st->index, t->key, slot);
    case H7_PICK_OLDEST:
        return h7_index_oldest(&st->index, slot);
    case H7_PICK_NTH:
        return h7_index_nth(&st->index, t->key, slot);
    case H7_PICK_UP_TO:
        r = h7_index_first(&st->index, slot);
        if (r == 0 && *slot < st->plan.n_slots &&
            h7_load64_relaxed(&st->slots[*slot].key) > t->key)
            *slot = H7_NO_SLOT;
        return r;
    default:
        return h7_index_first(&st->index, slot);
    }
}

/* Would it be a message of that key, if that were the only one? */
static int takes(const struct h7_take *t, uint64_t key)
{
    switch (t->pick) {
    case H7_PICK_KEY:
        return key == t->key;
    case H7_PICK_NOT_KEY:
        return key != t->key;
    case H7_PICK_UP_TO:
        return key <= t->key;
    case H7_PICK_NTH:
        return t->key == 0;
    default:
        return 1;
    }
}

/* Is a message that is in the index before all that were published since? Then `head`, a line
 * that a busy sender is writing to, need not be looked at. By age, or of one key: always. By key:
 * if all of those have the key of the last one that was drained. A send that has returned has
 * changed key_turns if it had to, so nothing that comes first is passed over. */
static int comes_first(const struct h7_store *st, const struct h7_take *t, uint32_t slot)
{
    const struct h7_store_side *c = consumers(st);
    if (t->pick != H7_PICK_FIRST && t->pick != H7_PICK_UP_TO)
        return 1;
    return h7_load64_acquire(&st->shared->key_turns) == h7_load64_relaxed(&c->turns_seen) &&
           h7_load64_relaxed(&st->slots[slot].key) <= h7_load64_relaxed(&c->last_key);
}

static int find_sane(struct h7_store *st, const struct h7_take *t, uint32_t *slot)
{
    int r = find(st, t, slot);
    if (r < 0 || *slot == H7_NO_SLOT)
        return r < 0 ? r : -EAGAIN;
    if (*slot >= st->plan.n_slots ||
        h7_load32_relaxed(&st->slots[*slot].state) != H7_SLOT_QUEUED)
        return -EBADMSG;
    return 0;
}

/* The slot to take. *indexed: it is in the index. 0, -EAGAIN (none), -EBADMSG. */
static int pick(struct h7_store *st, const struct h7_take *t, uint32_t *slot, int *indexed)
{
    int is_empty = h7_index_count(&st->index) == 0;
    *indexed = 1;
    if (!is_empty) {
        int r = find_sane(st, t, slot);
        if ((r < 0 && r != -EAGAIN) || (r == 0 && comes_first(st, t, *slot)))
            return r;
    }
    /* Before head: acquire, so that the order of the two looks is that of the two stores. */
    uint64_t key_turns = h7_load64_acquire(&st->shared->key_turns);
    uint64_t head = h7_load64_acquire(&st->shared->head); /* with h7_send_publish() */
    uint64_t drained = h7_load64_relaxed(&consumers(st)->drained), end = h7_head_count(head);
    if (end - drained == 1 && is_empty) {
        *slot = (uint32_t)head & H7_SLOT_MASK; /* one line less to fetch than by the inbox */
        int r = inbox_slot(st, drained, *slot);
        if (r < 0)
            return r;
        *indexed = !takes(t, h7_load64_relaxed(&st->slots[*slot].key));
        if (!*indexed)
            return 0;
    }
    if (end != drained) {
        int r = drain(st, drained, end);
        if (r < 0)
            return r;
        h7_store64_relaxed(&consumers(st)->turns_seen, key_turns);
    }
    return find_sane(st, t, slot);
}

/* Out of what is waiting; the slot itself says so only later. */
static int unlist(struct h7_store *st, uint32_t slot, int indexed)
{
    if (indexed)
        return h7_index_remove(&st->index, slot);
    h7_add64(&consumers(st)->drained, 1);
    return 0;
}

/* --- taking ----------------------------------------------------------------------------- */

void h7_take_free(struct h7_store *st, uint32_t slot, struct h7_call *call)
{
    struct h7_store_shared *sh = st->shared;
    struct h7_store_side *c = consumers(st);
    struct h7_slot *s = &st->slots[slot];
    uint64_t freed = h7_load64_relaxed(&sh->freed);
    h7_add64(&c->bytes, h7_load32_relaxed(&s->len));
    h7_add64(&c->gone, 1);
    h7_store32_relaxed(&st->outbox[freed & st->ring_mask], slot);
    if (h7_level_raise(st, H7_C) < 0)
        h7_store32_relaxed(&sh->dirty, 1); /* no memory for a byte: the mender rings, too */
    if (st->stamp)
        st->stamp(st, H7_C);
    h7_call_plan(st, H7_C, 0, call);
    if (h7_load32_relaxed(&s->state) == H7_SLOT_TAKEN) /* so that the lease is seen to be over */
        h7_store32_release(&s->state, H7_SLOT_FREE);
    /* Linearization point: it was received. K3 before, K4 after. Release, with look_for_room(). */
    h7_store64_release(&sh->freed, freed + 1);
}

static void answer(const struct h7_store *st, uint32_t slot, struct h7_take *t)
{
    const struct h7_slot *s = &st->slots[slot];
    t->got_key = h7_load64_relaxed(&s->key);
    t->seq = h7_load64_relaxed(&s->seq);
    t->full_len = h7_load32_relaxed(&s->len);
    t->deliveries = h7_load32_relaxed(&s->deliveries);
    t->lease = 0;
    t->ptr = NULL;
}

#define KEEPS (H7_TAKE_LEASE | H7_TAKE_PEEK)

/* What was found, under C. The result is the number of bytes; *slot is the one to copy, and
 * then to end, if that is left to be done without the lock. */
static ssize_t take_found(struct h7_store *st, struct h7_take *t, uint32_t *slot, int indexed,
                          struct h7_call *call, int *later)
{
    int r = h7_slot_sane(st, *slot);
    if (r < 0)
        return r;
    answer(st, *slot, t);
    size_t len = t->full_len;
    if (len > t->len && !(t->flags & H7_TAKE_PEEK)) {
        if (!(t->flags & (H7_TAKE_CUT | H7_TAKE_LOOK)))
            return -E2BIG;
        len = t->len;
    }
    int large = len > H7_STORE_COPY_MAX && !(t->flags & H7_TAKE_PEEK);
    if (t->flags & H7_TAKE_LOOK && !large)
        r = h7_bytes_out(st, *slot, t->buf, len);
    else {
        if (!large && !(t->flags & H7_TAKE_PEEK))
            r = h7_bytes_out(st, *slot, t->buf, len);
        if (r == 0)
            r = unlist(st, *slot, indexed);
        if (r == 0 && !large && !(t->flags & KEEPS)) {
            h7_take_free(st, *slot, call);
            return (ssize_t)len;
        }
        if (r == 0)
            r = h7_claims_add(st, H7_C, *slot, H7_SLOT_TAKEN);
        *later = large;
    }
    return r < 0 ? r : (ssize_t)len;
}

static ssize_t take_locked(struct h7_store *st, struct h7_take *t, uint32_t *slot,
                           struct h7_call *call, int *later)
{
    int indexed;
    int r = pick(st, t, slot, &indexed);
    if (r < 0)
        return r;
    ssize_t n = take_found(st, t, slot, indexed, call, later);
    if (n >= 0 && t->flags & KEEPS) {
        t->deliveries = h7_load32_relaxed(&st->slots[*slot].deliveries);
        t->lease = h7_claims_lease(st, *slot);
        if (t->flags & H7_TAKE_PEEK)
            t->ptr = h7_bytes_at(st, *slot, t->full_len);
    }
    return n;
}

static ssize_t try_take(struct h7_store *st, struct h7_take *t, uint32_t *slot, int *later,
                        struct h7_waiting *w, int64_t deadline)
{
    struct h7_call call = {.i = H7_NO_SLEEPER};
    int r = h7_store_enter(st, H7_C, deadline);
    if (r < 0)
        return r;
    h7_waiting_look(w);
    ssize_t n = take_locked(st, t, slot, &call, later);
    h7_waiting_saw(w);
    h7_call_leave(st, H7_C, &call);
    return n;
}

/* Without a lock, of a slot that is this process's. If a stopped process holds the lock to the
 * end, the message is given up, and returns to its place. */
static ssize_t finish_large(struct h7_store *st, struct h7_take *t, uint32_t slot, ssize_t n,
                            int64_t deadline)
{
    uint64_t lease = h7_claims_lease(st, slot);
    int r = h7_bytes_out(st, slot, t->buf, (size_t)n), e;
    if (r == 0 && t->flags & H7_TAKE_LEASE)
        return n;
    do
        e = t->flags & H7_TAKE_LOOK || r < 0 ? h7_store_give_back(st, lease)
                                             : h7_store_ack(st, lease);
    while ((e == -ETIMEDOUT || e == -EAGAIN) && hepta_now_ns() < deadline);
    if (e == -ETIMEDOUT || e == -EAGAIN)
        h7_claims_abandon(st, slot);
    return r < 0 ? r : e < 0 && e != -EIDRM ? h7_claims_still(e) : n;
}

/* May it become a claim? Then what a claim needs is prepared, outside the lock. */
static int may_claim(const struct h7_store *st, const struct h7_take *t)
{
    return t->flags & KEEPS || (st->plan.msg_max > H7_STORE_COPY_MAX && t->len > H7_STORE_COPY_MAX);
}

ssize_t h7_store_take(struct h7_store *st, struct h7_take *t, int64_t deadline)
{
    struct h7_waiting w;
    uint32_t slot = 0;
    int later = 0;
    ssize_t n;
    if (h7_unlikely(may_claim(st, t))) {
        int r = h7_claims_prepare(st);
        if (r < 0)
            return r;
    }
    h7_claims_look(st);
    h7_waiting_begin(&w, st, H7_P);
    w.want[0] = t->pick;
    w.want[1] = t->key;
    do {
        n = try_take(st, t, &slot, &later, &w, deadline);
        if (h7_likely(n != -EAGAIN))
            break;
        n = h7_waiting_wait(&w, &deadline);
    } while (n == 0);
    h7_waiting_end(&w, n >= 0 && !(t->flags & H7_TAKE_LOOK));
    return h7_unlikely(later) ? finish_large(st, t, slot, n, deadline) : n;
}
