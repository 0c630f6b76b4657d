/* SPDX-License-Identifier: MIT */
/*
 * queue/send.c - messages into the queue; see queue/store.h
 *
 * Reading order: h7_store_send(), try_send(), h7_send_place(), h7_send_publish(). A message of
 * more than H7_STORE_COPY_MAX bytes goes through a reservation, so that nothing long happens
 * under the lock.
 */
#include <string.h>

#include "queue/store_internal.h"

/* --- a place ---------------------------------------------------------------------------- */

/* What freed slots still have in blocks. All of them: where blocks are short. */
static int reclaim(struct h7_store *st, uint64_t until)
{
    struct h7_store_side *p = &st->shared->side[H7_P];
    uint64_t at = h7_load64_relaxed(&p->reclaimed);
    if (until - at > st->plan.n_slots) /* both may be a peer's */
        return -EBADMSG;
    for (; at != until; at++) {
        uint32_t slot = h7_load32_relaxed(&st->outbox[at & st->ring_mask]);
        if (slot >= st->plan.n_slots)
            return -EBADMSG;
        struct h7_slot *s = &st->slots[slot];
        uint32_t n = h7_load32_relaxed(&s->n_blocks);
        if (n > 0) {
            int r = h7_blocks_give(&st->blocks, h7_load32_relaxed(&s->place), n);
            if (r < 0)
                return r;
            h7_store32_relaxed(&s->n_blocks, 0);
        }
        h7_store64_relaxed(&p->reclaimed, at + 1);
    }
    return 0;
}

static int take_blocks(struct h7_store *st, size_t len, int whole, uint32_t *first)
{
    struct h7_a64 *seen = &st->shared->side[H7_P].freed_seen;
    int r = h7_blocks_take(&st->blocks, h7_blocks_for(st, len), whole, first);
    if (r != -EAGAIN)
        return r;
    h7_store64_relaxed(seen, h7_load64_acquire(&st->shared->freed)); /* as look_for_room() */
    r = reclaim(st, h7_load64_relaxed(seen));
    return r < 0 ? r : h7_blocks_take(&st->blocks, h7_blocks_for(st, len), whole, first);
}

/* Do so many bytes fit into qbytes? Here and in is_room(): as far as is known without a look at
 * the consumers' counters. */
static int is_allowed(const struct h7_store *st, size_t len)
{
    const struct h7_store_side *p = &st->shared->side[H7_P];
    uint64_t max = h7_load64_relaxed(&st->shared->qbytes);
    if (h7_likely(max == UINT64_MAX))
        return 1;
    uint64_t sent = h7_head_count(h7_load64_relaxed(&st->shared->head));
    return h7_load64_relaxed(&p->bytes) - h7_load64_relaxed(&p->bytes_seen) + len <= max &&
           sent - h7_load64_relaxed(&p->gone_seen) + 1 <= max;
}

static int is_room(const struct h7_store *st, size_t len)
{
    const struct h7_store_side *p = &st->shared->side[H7_P];
    return h7_load64_relaxed(&p->freed_seen) != h7_load64_relaxed(&p->fetched) &&
           is_allowed(st, len);
}

static void look_at_consumers(struct h7_store *st)
{
    struct h7_store_side *p = &st->shared->side[H7_P];
    const struct h7_store_side *c = &st->shared->side[H7_C];
    /* Acquire, with h7_take_free(): the outbox, and the counters before it. */
    h7_store64_relaxed(&p->freed_seen, h7_load64_acquire(&st->shared->freed));
    h7_store64_relaxed(&p->bytes_seen, h7_load64_relaxed(&c->bytes));
    h7_store64_relaxed(&p->gone_seen, h7_load64_relaxed(&c->gone));
}

static int look_for_room(struct h7_store *st, size_t len)
{
    if (h7_likely(is_room(st, len)))
        return 1;
    look_at_consumers(st);
    return is_room(st, len);
}

int h7_send_place(struct h7_store *st, size_t len, int whole, uint32_t *slot)
{
    struct h7_store_side *p = &st->shared->side[H7_P];
    uint64_t fetched = h7_load64_relaxed(&p->fetched);
    uint32_t place = H7_PLACE_INLINE, n_blocks = 0;
    int r = 0;
    if (!look_for_room(st, len))
        return -EAGAIN;
    uint64_t freed = h7_load64_relaxed(&p->freed_seen);
    *slot = h7_load32_relaxed(&st->outbox[fetched & st->ring_mask]);
    if (freed - fetched > st->plan.n_slots || *slot >= st->plan.n_slots)
        return -EBADMSG;
    if (st->plan.n_blocks) {
        uint64_t reclaimed = h7_load64_relaxed(&p->reclaimed);
        if (freed - reclaimed > freed - fetched)
            return -EBADMSG;
        if (reclaimed == fetched)
            r = reclaim(st, fetched + 1);
    }
    if (r == 0 && len > H7_SLOT_TEXT) {
        place = H7_PLACE_CELL;
        if (!(st->plan.flags & H7_PLAN_CELLS)) {
            r = take_blocks(st, len, whole, &place);
            n_blocks = h7_blocks_for(st, len);
        }
    }
    if (r < 0)
        return r;
    struct h7_slot *s = &st->slots[*slot];
    h7_store32_relaxed(&s->place, place);
    h7_store32_relaxed(&s->n_blocks, n_blocks);
    h7_store32_relaxed(&s->len, (uint32_t)len);
    /* Not published, whatever its state says: before it leaves the outbox. */
    h7_store64_release(&s->seq, UINT64_MAX);
    h7_store64_release(&p->fetched, fetched + 1);
    return 0;
}

/* --- sending ---------------------------------------------------------------------------- */

/* Alive: a dead one is no receiver that waits. */
static int somebody_sleeps(struct h7_store *st)
{
    struct h7_sleepers *t = &st->shared->sleepers[H7_P];
    for (int n = 0; n < H7_SLEEPERS && h7_sleepers_any(t); n++) {
        int i = h7_sleepers_next(t, NULL, NULL);
        if (i < 0 || !h7_sleepers_dead(t, i))
            return i >= 0;
        h7_sleepers_leave(t, &i);
    }
    return 0;
}

/* Nobody can take or return one between this look and the message: both locks are held. */
void h7_send_tell(struct h7_store *st)
{
    if (h7_notify_wanted(st) && h7_store_available(st) == 0 && !somebody_sleeps(st))
        st->notify(st);
}

/* Bells, notification and calls come before the store that makes the message: nobody can die
 * between it and them. */
int h7_send_publish(struct h7_store *st, uint32_t slot, uint64_t key, size_t len,
                    struct h7_call *call)
{
    struct h7_store_shared *sh = st->shared;
    struct h7_slot *s = &st->slots[slot];
    uint64_t seq = h7_head_count(h7_load64_relaxed(&sh->head));
    h7_store64_relaxed(&s->seq, seq);
    h7_store64_relaxed(&s->key, key);
    h7_store32_relaxed(&s->len, (uint32_t)len);
    h7_store32_relaxed(&s->deliveries, 0);
    h7_store32_relaxed(&st->inbox[seq & st->ring_mask], slot);
    h7_add64(&sh->side[H7_P].bytes, len);
    int r = h7_level_raise(st, H7_P);
    if (r < 0)
        return r;
    if (st->stamp)
        st->stamp(st, H7_P);
    h7_call_plan(st, H7_P, key, call);
    h7_store32_release(&s->state, H7_SLOT_QUEUED);
    /* Linearization point: it is sent. K1 before, K2 after. Release, with h7_published(). */
    h7_store64_release(&sh->head, (seq + 1) << H7_SLOT_BITS | slot);
    /* After head, so that who has seen this has seen that. A sender that dies in between was
     * about to return: his message comes first once somebody drains the inbox. */
    if (h7_unlikely(key != h7_load64_relaxed(&sh->side[H7_P].last_key))) {
        h7_store64_relaxed(&sh->side[H7_P].last_key, key);
        h7_store64_release(&sh->key_turns, h7_load64_relaxed(&sh->key_turns) + 1);
    }
    return 0;
}

/* After the place was taken: a failure (a peer changed the slot; the bell can't be rung: no
 * memory) leaves all to the mender. */
static int or_spoil(struct h7_store *st, int r)
{
    if (h7_unlikely(r < 0))
        h7_store32_relaxed(&st->shared->dirty, 1);
    return r;
}

/* tell: C is held, too, since somebody wants to be told. */
static int put(struct h7_store *st, uint64_t key, const void *buf, size_t len, int tell,
               struct h7_call *call)
{
    uint32_t slot;
    int r = h7_send_place(st, len, 0, &slot);
    if (r < 0)
        return r;
    r = h7_bytes_in(st, slot, buf, len);
    if (r == 0 && h7_unlikely(tell))
        h7_send_tell(st);
    if (r == 0)
        r = h7_send_publish(st, slot, key, len, call);
    return or_spoil(st, r);
}

/* The next slot's lines, while the caller builds the next message: they are the last receiver's. */
static void fetch_next(const struct h7_store *st)
{
    uint64_t fetched = h7_load64_relaxed(&st->shared->side[H7_P].fetched);
    uint32_t slot = h7_load32_relaxed(&st->outbox[fetched & st->ring_mask]);
    if (slot >= st->plan.n_slots)
        return;
    __builtin_prefetch(&st->slots[slot], 1);
    __builtin_prefetch((const char *)&st->slots[slot] + H7_CACHE_LINE, 1);
}

static int try_send(struct h7_store *st, uint64_t key, const void *buf, size_t len,
                    struct h7_waiting *w, int64_t deadline)
{
    struct h7_call call = {.i = H7_NO_SLEEPER};
    int r = h7_store_enter(st, H7_P, deadline);
    if (r < 0)
        return r;
    h7_waiting_look(w);
    int tell = h7_notify_wanted(st);
    if (h7_unlikely(tell))
        r = h7_store_enter_c_too(st, deadline);
    int both = tell && r == 0;
    if (h7_likely(r == 0))
        r = put(st, key, buf, len, tell, &call);
    h7_waiting_saw(w);
    if (h7_unlikely(both))
        h7_unlock_second(&st->shared->side[H7_C].lock);
    h7_call_leave(st, H7_P, &call);
    if (h7_likely(r == 0))
        fetch_next(st);
    return r;
}

static int send_large(struct h7_store *st, uint64_t key, const void *buf, size_t len,
                      int64_t deadline);

int h7_store_send(struct h7_store *st, uint64_t key, const void *buf, size_t len,
                  int64_t deadline)
{
    struct h7_waiting w;
    int r;
    if (h7_unlikely(len > H7_STORE_COPY_MAX))
        return send_large(st, key, buf, len, deadline);
    h7_waiting_begin(&w, st, H7_C);
    do {
        r = try_send(st, key, buf, len, &w, deadline);
        if (h7_likely(r != -EAGAIN))
            break;
        r = h7_waiting_wait(&w, &deadline);
    } while (r == 0);
    h7_waiting_end(&w, r == 0);
    return r;
}

/* --- reservations ----------------------------------------------------------------------- */

static int try_reserve(struct h7_store *st, size_t len, int whole, uint32_t *slot,
                       struct h7_waiting *w, int64_t deadline)
{
    int r = h7_store_enter(st, H7_P, deadline);
    if (r < 0)
        return r;
    h7_waiting_look(w);
    r = h7_send_place(st, len, whole, slot);
    h7_waiting_saw(w);
    if (r == 0)
        r = h7_claims_add(st, H7_P, *slot, H7_SLOT_RESERVED);
    h7_unlock(&st->shared->side[H7_P].lock);
    return r;
}

static int reserve(struct h7_store *st, size_t len, int whole, uint32_t *slot,
                   int64_t deadline)
{
    struct h7_waiting w;
    int r = h7_claims_prepare(st);
    if (r < 0)
        return r;
    h7_waiting_begin(&w, st, H7_C);
    do {
        r = try_reserve(st, len, whole, slot, &w, deadline);
        if (r != -EAGAIN)
            break;
        r = h7_waiting_wait(&w, &deadline);
    } while (r == 0);
    h7_waiting_end(&w, r == 0);
    return r;
}

int h7_store_reserve(struct h7_store *st, size_t len, uint32_t *slot, void **ptr,
                     int64_t deadline)
{
    int r = reserve(st, len, 1, slot, deadline);
    if (r < 0)
        return r;
    *ptr = h7_bytes_at(st, *slot, len);
    return *ptr ? 0 : -EBADMSG;
}

static int find_claim(const struct h7_store *st, const void *ptr, uint32_t *slot)
{
    uint32_t n_claims = h7_load32_relaxed(&st->shared->side[H7_P].claims);
    for (uint32_t i = 0; i < n_claims && i < st->plan.n_slots; i++) {
        *slot = h7_load32_relaxed(&st->claims[H7_P][i]);
        if (*slot >= st->plan.n_slots || h7_bytes_at(st, *slot, 0) != ptr)
            continue;
        int r = h7_claims_mine(st, *slot, H7_SLOT_RESERVED);
        if (r != -ESRCH)
            return r;
    }
    return -ESRCH;
}

int h7_store_reserved_at(struct h7_store *st, const void *ptr, uint32_t *slot)
{
    uintptr_t at = (uintptr_t)ptr, slots = (uintptr_t)st->slots;
    if (at >= slots && at < slots + (uint64_t)st->plan.n_slots * sizeof *st->slots) {
        *slot = (uint32_t)((at - slots) / sizeof *st->slots);
        return h7_bytes_at(st, *slot, 0) == ptr ? h7_claims_mine(st, *slot, H7_SLOT_RESERVED)
                                                : -ESRCH;
    }
    int r = find_claim(st, ptr, slot);
    if (r != -ESRCH)
        return r;
    /* Others that end theirs move entries about, and a mender makes all anew. */
    r = h7_store_enter_patiently(st, H7_P);
    if (r < 0)
        return r;
    r = find_claim(st, ptr, slot);
    h7_unlock(&st->shared->side[H7_P].lock);
    return r;
}

/* Under P: before anybody is told of it. */
static int can_commit(struct h7_store *st, uint32_t slot, size_t len)
{
    int r = h7_claims_mine(st, slot, H7_SLOT_RESERVED);
    if (r == 0)
        r = h7_slot_sane(st, slot);
    if (r == 0 && len > h7_load32_relaxed(&st->slots[slot].len))
        r = -EMSGSIZE;
    if (r < 0 || is_allowed(st, len))
        return r;
    look_at_consumers(st); /* others may have filled what it was reserved in */
    return is_allowed(st, len) ? 0 : -EAGAIN;
}

static int commit(struct h7_store *st, uint32_t slot, uint64_t key, size_t len, int tell,
                  struct h7_call *call)
{
    int r = can_commit(st, slot, len);
    if (r < 0)
        return r;
    if (tell)
        h7_send_tell(st);
    r = h7_claims_drop(st, H7_P, slot);
    return r < 0 ? r : or_spoil(st, h7_send_publish(st, slot, key, len, call));
}

int h7_store_commit(struct h7_store *st, uint32_t slot, uint64_t key, size_t len)
{
    struct h7_call call = {.i = H7_NO_SLEEPER};
    int r = h7_store_enter_patiently(st, H7_P);
    if (r < 0)
        return r;
    int tell = h7_notify_wanted(st);
    if (tell)
        r = h7_store_enter_c_too(st, h7_store_patience());
    int both = tell && r == 0;
    if (r == 0)
        r = commit(st, slot, key, len, tell, &call);
    if (both)
        h7_unlock_second(&st->shared->side[H7_C].lock);
    h7_call_leave(st, H7_P, &call);
    return r;
}

int h7_store_cancel(struct h7_store *st, uint32_t slot)
{
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r < 0)
        return r;
    r = h7_claims_mine(st, slot, H7_SLOT_RESERVED);
    if (r == 0)
        r = h7_claims_cancel(st, slot);
    h7_store_leave_both(st);
    return r;
}

/* In pieces if need be. -EAGAIN: it was reserved, but others took the bytes that are allowed. */
static int send_reserved(struct h7_store *st, uint32_t slot, uint64_t key, const void *buf,
                         size_t len, int64_t deadline)
{
    int64_t end = h7_store_patience();
    int r = h7_bytes_in(st, slot, buf, len);
    while (r == 0) {
        r = h7_store_commit(st, slot, key, len);
        if (r != -ETIMEDOUT)
            break;
        if (deadline > hepta_now_ns() || hepta_now_ns() < end)
            r = 0;
    }
    if (r < 0 && h7_claims_mine(st, slot, H7_SLOT_RESERVED) == 0 &&
        h7_store_cancel(st, slot) < 0)
        h7_claims_abandon(st, slot);
    return h7_claims_still(r);
}

static int send_large(struct h7_store *st, uint64_t key, const void *buf, size_t len,
                      int64_t deadline)
{
    uint32_t slot;
    int r;
    do {
        r = reserve(st, len, 0, &slot, deadline);
        if (r < 0)
            return r;
        r = send_reserved(st, slot, key, buf, len, deadline);
    } while (r == -EAGAIN && hepta_now_ns() < deadline);
    return r == -EAGAIN ? h7_expired(deadline) : r;
}
