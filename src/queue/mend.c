/* SPDX-License-Identifier: MIT */
/*
 * queue/mend.c - the derived parts, made anew from the slots; and the invariants
 *
 * What a holder of a lock left half done isn't looked for: the index, the rings, the blocks'
 * bitmap, the lists of claims and the counters are all made again. That costs some ten ns a
 * slot, after a death inside a lock only.
 */
#include "queue/mend.h"

#include <stdio.h>

#include "queue/store_internal.h"

/* What is left, while slots are gone through. */
struct sums {
    uint64_t end;        /* published */
    uint64_t bytes;      /* of the messages */
    uint32_t n_messages; /* QUEUED and TAKEN */
    uint32_t n_free;
};

static uint32_t state_of(const struct h7_slot *s)
{
    return h7_load32_relaxed(&s->state); /* relaxed, as all here: under both locks */
}

static int has_message(const struct h7_slot *s)
{
    return state_of(s) == H7_SLOT_QUEUED || state_of(s) == H7_SLOT_TAKEN;
}

static int add_claim(struct h7_store *st, int side, uint32_t slot)
{
    struct h7_a32 *n = &st->shared->side[side].claims;
    uint32_t at = h7_load32_relaxed(n);
    if (at >= st->plan.n_slots) /* not what h7_mend_rebuild() has counted: a peer wrote it */
        return -EBADMSG;
    h7_store32_relaxed(&st->claims[side][at], slot);
    h7_store32_relaxed(&st->slots[slot].claim, at);
    h7_store32_relaxed(n, at + 1);
    return 0;
}

static void add_free(struct h7_store *st, uint32_t slot, struct sums *sums)
{
    h7_store32_relaxed(&st->slots[slot].n_blocks, 0);
    h7_store32_relaxed(&st->outbox[sums->n_free++ & st->ring_mask], slot);
}

static int keep_blocks(struct h7_store *st, uint32_t slot)
{
    const struct h7_slot *s = &st->slots[slot];
    uint32_t place = h7_load32_relaxed(&s->place), n = h7_load32_relaxed(&s->n_blocks);
    int r = h7_slot_sane(st, slot);
    if (r < 0 || place == H7_PLACE_INLINE || place == H7_PLACE_CELL)
        return r;
    return h7_blocks_mark(&st->blocks, place, n);
}

static int keep_message(struct h7_store *st, uint32_t slot, struct sums *sums)
{
    const struct h7_slot *s = &st->slots[slot];
    if (h7_load64_relaxed(&s->seq) >= sums->end)
        return -EBADMSG;
    sums->bytes += h7_load32_relaxed(&s->len);
    sums->n_messages++;
    return state_of(s) == H7_SLOT_TAKEN ? add_claim(st, H7_C, slot) : 0;
}

static int sort_in(struct h7_store *st, uint32_t slot, struct sums *sums)
{
    struct h7_slot *s = &st->slots[slot];
    uint32_t state = state_of(s);
    if (state == H7_SLOT_QUEUED && h7_load64_relaxed(&s->seq) >= sums->end) {
        h7_store32_relaxed(&s->state, H7_SLOT_FREE); /* K1: it was never published */
        state = H7_SLOT_FREE;
    }
    if (state == H7_SLOT_FREE) {
        add_free(st, slot, sums);
        return 0;
    }
    if (state > H7_SLOT_TAKEN)
        return -EBADMSG;
    int r = keep_blocks(st, slot);
    if (r < 0)
        return r;
    return state == H7_SLOT_RESERVED ? add_claim(st, H7_P, slot) : keep_message(st, slot, sums);
}

/* What the outbox says of its slots, their states say from here on. */
static int settle(struct h7_store *st)
{
    uint64_t at = h7_load64_relaxed(&st->shared->side[H7_P].fetched);
    uint64_t end = h7_load64_relaxed(&st->shared->freed);
    if (end - at > st->plan.n_slots)
        return 0; /* a mender died in set_counters(): he had done this */
    for (; at != end; at++) {
        uint32_t slot = h7_load32_relaxed(&st->outbox[at & st->ring_mask]);
        if (slot >= st->plan.n_slots)
            return -EBADMSG;
        h7_store32_relaxed(&st->slots[slot].state, H7_SLOT_FREE);
    }
    return 0;
}

/* The counters only move on, so that who looks without a lock sees that something happened. */
static void set_counters(struct h7_store *st, const struct sums *sums)
{
    struct h7_store_shared *sh = st->shared;
    struct h7_store_side *p = &sh->side[H7_P], *c = &sh->side[H7_C];
    uint64_t base = (h7_load64_relaxed(&sh->freed) / (st->ring_mask + 1ull) + 1) *
                    (st->ring_mask + 1ull); /* where the outbox begins again at entry 0 */
    /* In this order: who dies in between leaves fewer freed than fetched, which settle() knows. The
     * other way round it could take for freed what old entries of the outbox say. */
    h7_store64_relaxed(&p->fetched, base);
    h7_store64_release(&sh->freed, base + sums->n_free);
    h7_store64_relaxed(&p->freed_seen, base + sums->n_free);
    h7_store64_relaxed(&p->reclaimed, base + sums->n_free);
    h7_store64_relaxed(&c->drained, sums->end);
    h7_store64_relaxed(&c->gone, sums->end - sums->n_messages);
    h7_store64_relaxed(&c->bytes, h7_load64_relaxed(&p->bytes) - sums->bytes);
    h7_store64_relaxed(&p->bytes_seen, h7_load64_relaxed(&c->bytes));
    h7_store64_relaxed(&p->gone_seen, h7_load64_relaxed(&c->gone));
    for (int side = 0; side < 2; side++)
        h7_sleepers_mend(&sh->sleepers[side]);
    h7_add(&sh->turns, 1);
    h7_store64_release(&sh->key_turns, h7_load64_relaxed(&sh->key_turns) + 1);
}

/* Whether a dead holder had rung isn't known: too high a level only costs a look. */
static int ring(struct h7_store *st)
{
    int r = h7_level_raise(st, H7_P);
    return r < 0 ? r : h7_level_raise(st, H7_C);
}

int h7_mend_rebuild(struct h7_store *st)
{
    struct h7_store_shared *sh = st->shared;
    struct sums sums = {.end = h7_published(st)};
    h7_store32_relaxed(&sh->dirty, 1); /* until the last store below, whoever dies */
    int r = settle(st);
    if (st->plan.n_blocks)
        h7_blocks_clear(&st->blocks);
    for (int side = 0; side < 2; side++)
        h7_store32_relaxed(&sh->side[side].claims, 0);
    for (uint32_t i = 0; i < st->plan.n_slots && r == 0; i++)
        r = sort_in(st, i, &sums);
    if (r == 0)
        r = h7_index_rebuild(&st->index, sums.end);
    if (r == 0)
        r = ring(st);
    if (r < 0)
        return r;
    set_counters(st, &sums);
    h7_store32_release(&sh->dirty, 0);
    return 0;
}

/* --- the invariants ------------------------------------------------------------------- */

static int fail(char *why, size_t n, const char *what)
{
    snprintf(why, n, "%s", what);
    return -EBADMSG;
}

/* Q1 by number: what is in outbox, inbox and index, and claims, are as many as there are; and each
 * in the outbox is free, each in the inbox is what it should be. */
static int check_rings(struct h7_store *st, char *why, size_t n)
{
    struct h7_store_shared *sh = st->shared;
    uint64_t from = h7_load64_relaxed(&sh->side[H7_P].fetched);
    uint64_t to = h7_load64_relaxed(&sh->freed), end = h7_published(st);
    uint64_t drained = h7_load64_relaxed(&sh->side[H7_C].drained);
    uint64_t claims = (uint64_t)h7_load32_relaxed(&sh->side[H7_P].claims) +
                      h7_load32_relaxed(&sh->side[H7_C].claims);
    if (to - from > st->plan.n_slots || end - drained > st->plan.n_slots ||
        to - from + end - drained + claims + h7_index_count(&st->index) != st->plan.n_slots)
        return fail(why, n, "Q1: slots are missing, or in two places");
    for (uint64_t i = from; i != to; i++) {
        uint32_t slot = h7_load32_relaxed(&st->outbox[i & st->ring_mask]);
        if (slot >= st->plan.n_slots || state_of(&st->slots[slot]) == H7_SLOT_RESERVED)
            return fail(why, n, "Q1: a slot in the outbox isn't free");
    }
    for (uint64_t i = drained; i != end; i++) {
        uint32_t slot = h7_load32_relaxed(&st->inbox[i & st->ring_mask]);
        if (slot >= st->plan.n_slots || state_of(&st->slots[slot]) != H7_SLOT_QUEUED ||
            h7_load64_relaxed(&st->slots[slot].seq) != i)
            return fail(why, n, "Q1: a slot in the inbox isn't what was published");
    }
    return 0;
}

static int check_slots(struct h7_store *st, char *why, size_t n)
{
    struct h7_store_shared *sh = st->shared;
    uint64_t bytes = 0, blocks = 0, end = h7_published(st);
    uint32_t states[H7_SLOT_TAKEN + 1] = {0};
    for (uint32_t i = 0; i < st->plan.n_slots; i++) {
        const struct h7_slot *s = &st->slots[i];
        if (state_of(s) > H7_SLOT_TAKEN || (state_of(s) != H7_SLOT_FREE && h7_slot_sane(st, i) < 0))
            return fail(why, n, "a slot says what can't be");
        states[state_of(s)]++;
        blocks += h7_load32_relaxed(&s->n_blocks); /* of a free one: not yet reclaimed */
        if (!has_message(s))
            continue;
        bytes += h7_load32_relaxed(&s->len);
        if (h7_load64_relaxed(&s->seq) >= end)
            return fail(why, n, "Q2: a message that wasn't published");
    }
    if (states[H7_SLOT_RESERVED] != h7_load32_relaxed(&sh->side[H7_P].claims) ||
        states[H7_SLOT_TAKEN] != h7_load32_relaxed(&sh->side[H7_C].claims))
        return fail(why, n, "Q1: claims and slots differ");
    if (bytes != h7_store_bytes(st))
        return fail(why, n, "Q3: the bytes don't add up");
    if (states[H7_SLOT_QUEUED] + states[H7_SLOT_TAKEN] != h7_store_held(st))
        return fail(why, n, "Q3: the messages don't add up");
    if (st->plan.n_blocks && blocks + h7_blocks_n_free(&st->blocks) != st->plan.n_blocks)
        return fail(why, n, "Q4: the blocks don't add up");
    return 0;
}

int h7_store_check(struct h7_store *st, char *why, size_t n)
{
    int r = h7_store_enter_both(st, h7_store_patience());
    if (r == -EIDRM)
        return 0;
    if (r < 0) {
        snprintf(why, n, "the locks: %d", r);
        return -EBADMSG;
    }
    r = h7_segment_check(&st->seg, st->kind);
    if (r < 0)
        fail(why, n, "segment: the header was changed");
    if (r == 0)
        r = check_rings(st, why, n);
    if (r == 0)
        r = settle(st);
    if (r == 0)
        r = check_slots(st, why, n);
    if (r == 0) {
        uint64_t drained = h7_load64_relaxed(&st->shared->side[H7_C].drained);
        r = h7_index_check(&st->index, drained, why, n);
    }
    if (r == 0 && st->plan.n_blocks)
        r = h7_blocks_check(&st->blocks, why, n);
    h7_store_leave_both(st);
    return r;
}
