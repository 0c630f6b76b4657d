/* SPDX-License-Identifier: MIT */
/*
 * queue/index_mend.c - the index made anew from the slots, and its invariants; see queue/index.h
 */
#include <stdio.h>

#include "queue/index_internal.h"

/* Is it a message for the index? */
static int waits(const struct h7_index *ix, uint32_t slot, uint64_t end)
{
    return h7_load32_relaxed(&ix->slots[slot].state) == H7_SLOT_QUEUED && seq_of(ix, slot) < end;
}

/* --- made anew -------------------------------------------------------------------------- */

/* Two sorted lists into one, through links[].next. *twice: two have the same seq, or a peer
 * changes the links meanwhile. */
static uint32_t merge(struct h7_index *ix, uint32_t a, uint32_t b, int *twice)
{
    uint32_t head = NONE, tail = NONE;
    for (uint32_t n = 0; a != NONE || b != NONE; n++) {
        if (n == ix->n_slots || (a != NONE && a >= ix->n_slots) ||
            (b != NONE && b >= ix->n_slots)) {
            *twice = 1;
            return NONE;
        }
        int from_a = b == NONE || (a != NONE && seq_of(ix, a) < seq_of(ix, b));
        if (a != NONE && b != NONE && seq_of(ix, a) == seq_of(ix, b))
            *twice = 1;
        uint32_t take = from_a ? a : b;
        if (from_a)
            a = get(&ix->links[a].next);
        else
            b = get(&ix->links[b].next);
        if (tail == NONE)
            head = take;
        else
            set(&ix->links[tail].next, take);
        tail = take;
    }
    if (tail != NONE)
        set(&ix->links[tail].next, NONE);
    return head;
}

/* Bottom up: bin i holds a sorted list of 2^i, as a binary counter. */
static uint32_t sort(struct h7_index *ix, uint64_t end, int *twice)
{
    uint32_t bins[32], list = NONE;
    for (int i = 0; i < 32; i++)
        bins[i] = NONE;
    for (uint32_t slot = 0; slot < ix->n_slots; slot++) {
        if (!waits(ix, slot, end))
            continue;
        uint32_t run = slot;
        int i = 0;
        set(&ix->links[slot].next, NONE);
        for (; bins[i] != NONE; i++) {
            run = merge(ix, bins[i], run, twice);
            bins[i] = NONE;
        }
        bins[i] = run;
    }
    for (int i = 0; i < 32; i++)
        list = merge(ix, bins[i], list, twice);
    return list;
}

int h7_index_rebuild(struct h7_index *ix, uint64_t end)
{
    int twice = 0, r = 0;
    uint32_t at = sort(ix, end, &twice), n = 0;
    h7_index_clear(ix);
    while (at != NONE && r == 0 && !twice) {
        if (at >= ix->n_slots || n++ == ix->n_slots)
            r = -EBADMSG;
        uint32_t next = r == 0 ? get(&ix->links[at].next) : NONE;
        if (r == 0)
            r = h7_index_push(ix, at);
        at = next;
    }
    if (r == 0 && !twice)
        return 0;
    h7_index_clear(ix);
    return -EBADMSG;
}

/* --- the invariants ---------------------------------------------------------------------- */

#define CHAIN_LOOKS 64 /* how many in a chain are compared with each: who picks keys, makes it long */

static int fail(char *why, size_t n, const char *what)
{
    snprintf(why, n, "index: %s", what);
    return -EBADMSG;
}

struct list {
    const struct h7_index_link *links;
    uint32_t first, last;
    const uint64_t *key; /* NULL: of any */
};

/* The length of a list whose slots are right, at most max; UINT32_MAX: wrong. */
static uint32_t check_list(const struct h7_index *ix, const struct list *l, uint64_t end,
                           uint32_t max)
{
    uint32_t n = 0, prev = NONE;
    uint64_t from = 0; /* the least that the next may have */
    for (uint32_t at = l->first; at != NONE; n++) {
        if (at >= ix->n_slots || n == max || get(&l->links[at].prev) != prev)
            return UINT32_MAX;
        uint64_t seq = seq_of(ix, at);
        if (!waits(ix, at, end) || seq < from || (l->key && key_of(ix, at) != *l->key))
            return UINT32_MAX;
        from = seq + 1;
        prev = at;
        at = get(&l->links[at].next);
    }
    return prev == l->last ? n : UINT32_MAX;
}

/* X1 for all keys; *sum: the slots in their lists, no more than there are, whoever meddles. */
static int check_lists(const struct h7_index *ix, uint32_t n_keys, uint64_t end, uint32_t *sum)
{
    *sum = 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        uint32_t k = get(&ix->heap[i]);
        if (k >= ix->n_slots)
            return -EBADMSG;
        uint64_t key = key_at(ix, k);
        struct list l = {ix->links, get(&ix->keys[k].first), get(&ix->keys[k].last), &key};
        uint32_t len = check_list(ix, &l, end, ix->n_slots - *sum);
        if (len == 0 || len == UINT32_MAX)
            return -EBADMSG;
        *sum += len;
    }
    return 0;
}

static uint32_t count_waiting(const struct h7_index *ix, uint64_t end)
{
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < ix->n_slots; slot++)
        n += waits(ix, slot, end);
    return n;
}

static int is_heap(const struct h7_index *ix, uint32_t n_keys)
{
    for (uint32_t i = 0; i < n_keys; i++) {
        uint32_t k = get(&ix->heap[i]), up = get(&ix->heap[i == 0 ? 0 : (i - 1) / 2]);
        if (k >= ix->n_slots || up >= ix->n_slots || get(&ix->keys[k].at) != i ||
            (i > 0 && key_at(ix, up) >= key_at(ix, k)))
            return 0;
    }
    return 1;
}

/* Is record k's key in front of it in its chain, which begins with b? */
static int is_twice(const struct h7_index *ix, const struct h7_a32 *b, uint32_t k)
{
    uint32_t i = get(b);
    for (int n = 0; n < CHAIN_LOOKS && i != 0 && i <= ix->n_slots && i != k + 1; n++) {
        if (key_at(ix, i - 1) == key_at(ix, k))
            return 1;
        i = get(&ix->keys[i - 1].chain);
    }
    return 0;
}

/* Each chain has keys of its hash only, all are in the heap, and none of the heap is missing:
 * as many are met as the heap has, and none twice, for then the chain wouldn't end. */
static int is_hash(const struct h7_index *ix, uint32_t n_keys)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b <= ix->bucket_mask; b++) {
        for (uint32_t i = get(&ix->buckets[b]); i != 0; n++) {
            if (i > ix->n_slots || n == n_keys)
                return 0;
            uint32_t k = i - 1, at = get(&ix->keys[k].at);
            if (at >= n_keys || get(&ix->heap[at]) != k ||
                bucket(ix, key_at(ix, k)) != &ix->buckets[b] ||
                is_twice(ix, &ix->buckets[b], k))
                return 0;
            i = get(&ix->keys[k].chain);
        }
    }
    return n == n_keys;
}

/* n records are in the list of the spare, and they are empty. */
static int are_spare(const struct h7_index *ix, uint32_t n)
{
    uint32_t k = get(&ix->shared->spare);
    for (; k != NONE; n--) {
        if (n == 0 || k >= ix->n_slots || get(&ix->keys[k].first) != NONE)
            return 0;
        k = get(&ix->keys[k].chain);
    }
    return n == 0;
}

int h7_index_check(const struct h7_index *ix, uint64_t end, char *why, size_t n)
{
    const struct h7_index_shared *sh = ix->shared;
    uint32_t n_keys = get(&sh->n_keys), fresh = get(&sh->fresh), sum;
    if (n_keys > fresh || fresh > ix->n_slots)
        return fail(why, n, "X4: too many keys");
    if (!is_heap(ix, n_keys))
        return fail(why, n, "X3: the keys are no heap, or one doesn't know its place");
    if (!is_hash(ix, n_keys))
        return fail(why, n, "X3: a key isn't found, or is there twice");
    if (!are_spare(ix, fresh - n_keys))
        return fail(why, n, "X4: records are neither spare nor in use");
    if (check_lists(ix, n_keys, end, &sum) < 0)
        return fail(why, n, "X1: the list of a key is wrong");
    if (sum != get(&sh->count) || sum != count_waiting(ix, end))
        return fail(why, n, "X1: slots are missing, or the count is wrong");
    struct list ages = {ix->ages, get(&sh->oldest), get(&sh->newest), NULL};
    if (ix->by_age && check_list(ix, &ages, end, ix->n_slots) != sum)
        return fail(why, n, "X2: the list by age is wrong");
    return 0;
}
