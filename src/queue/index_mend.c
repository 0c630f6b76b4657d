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

/* To sort 2^20 slots through their links would miss the cache at each step, for seconds, and
 * everybody waits. So they are sorted as rows of these, in the memory of the keys, the heap and
 * the buckets, which hold nothing meanwhile: two rows of n fit exactly. Positions in a row are
 * never read from it; the slot numbers are, and are checked, when all is done. */
struct row {
    struct h7_a64 seq;
    struct h7_a32 slot, unused;
};

_Static_assert(2 * sizeof(struct row) ==
                   sizeof(struct h7_index_key) + sizeof(struct h7_a32) + sizeof(struct h7_a32),
               "a key, a place in the heap and a bucket for each slot make two rows");

static void row_set(struct row *r, uint64_t seq, uint32_t slot)
{
    h7_store64_relaxed(&r->seq, seq);
    set(&r->slot, slot);
}

static uint32_t row_fill(const struct h7_index *ix, struct row *rows, uint64_t end)
{
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < ix->n_slots; slot++)
        if (waits(ix, slot, end))
            row_set(&rows[n++], seq_of(ix, slot), slot);
    return n;
}

/* from[a..mid) and from[mid..end), each sorted, into to[a..end). */
static void merge(const struct row *from, struct row *to, uint32_t a, uint32_t mid, uint32_t end)
{
    uint32_t b = mid;
    for (uint32_t at = a; at < end; at++) {
        uint64_t seq_a = a < mid ? h7_load64_relaxed(&from[a].seq) : UINT64_MAX;
        uint64_t seq_b = b < end ? h7_load64_relaxed(&from[b].seq) : UINT64_MAX;
        if (a < mid && (b == end || seq_a <= seq_b))
            row_set(&to[at], seq_a, get(&from[a++].slot));
        else
            row_set(&to[at], seq_b, get(&from[b++].slot));
    }
}

/* Bottom up, from one row into the other and back. Where the result is. */
static struct row *sort(struct row *rows, struct row *other, uint32_t n)
{
    for (uint32_t len = 1; len < n; len *= 2) {
        for (uint32_t a = 0; a < n; a += 2 * len) {
            uint32_t mid = n - a < len ? n : a + len, end = n - mid < len ? n : mid + len;
            merge(rows, other, a, mid, end);
        }
        struct row *sorted = other;
        other = rows;
        rows = sorted;
    }
    return rows;
}

/* The rows' order as one list through links[], whose first is *first. 0; -EBADMSG: two of one
 * seq, or a peer wrote there. */
static int list_rows(struct h7_index *ix, const struct row *rows, uint32_t n, uint32_t *first)
{
    struct h7_a32 *at = NULL;
    uint64_t from = 0;
    *first = NONE;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t seq = h7_load64_relaxed(&rows[i].seq);
        uint32_t slot = get(&rows[i].slot);
        if (slot >= ix->n_slots || seq < from)
            return -EBADMSG;
        if (at)
            set(at, slot);
        else
            *first = slot;
        at = &ix->links[slot].next;
        from = seq + 1;
    }
    if (at)
        set(at, NONE);
    return 0;
}

/* Push the n slots of that list, which the pushes take apart. */
static int push_all(struct h7_index *ix, uint32_t first, uint32_t n)
{
    uint32_t at = first;
    for (; n > 0; n--) {
        if (at >= ix->n_slots)
            return -EBADMSG;
        uint32_t next = get(&ix->links[at].next);
        if (next < ix->n_slots)
            __builtin_prefetch(&ix->slots[next]);
        int r = h7_index_push(ix, at);
        if (r < 0)
            return r;
        at = next;
    }
    return at == NONE ? 0 : -EBADMSG;
}

int h7_index_rebuild(struct h7_index *ix, uint64_t end)
{
    struct row *rows = (struct row *)(void *)ix->keys;
    uint32_t n = row_fill(ix, rows, end), first;
    int r = list_rows(ix, sort(rows, rows + ix->n_slots, n), n, &first);
    h7_index_clear(ix);
    if (r == 0)
        r = push_all(ix, first, n);
    if (r < 0)
        h7_index_clear(ix);
    return r;
}

/* --- the invariants ---------------------------------------------------------------------- */

/* How many in a chain each is compared with: who picks the keys can make it long. */
#define CHAIN_LOOKS 64

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
