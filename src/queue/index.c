/* SPDX-License-Identifier: MIT */
/*
 * queue/index.c - see queue/index.h; the layout is in queue/index_internal.h. Reading order: push,
 * remove, put_back.
 */
#include "queue/index_internal.h"

/* --- where it lies -------------------------------------------------------------------- */

static size_t round_up(size_t len)
{
    return (len + H7_APART - 1) / H7_APART * H7_APART;
}

static uint32_t n_buckets(uint32_t n)
{
    uint32_t b = 1;
    while (b < n)
        b *= 2;
    return b;
}

size_t h7_index_len(uint32_t n, int by_age)
{
    size_t links = round_up(n * sizeof(struct h7_index_link));
    return sizeof(struct h7_index_shared) + links + (by_age ? links : 0) +
           round_up(n * sizeof(struct h7_index_key)) + round_up(n * sizeof(struct h7_a32)) +
           round_up(n_buckets(n) * sizeof(struct h7_a32));
}

void h7_index_init(struct h7_index *ix, void *mem, const struct h7_slot *slots, uint32_t n,
                   int by_age)
{
    char *at = mem;
    size_t links = round_up(n * sizeof(struct h7_index_link));
    *ix = (struct h7_index){.shared = mem, .slots = slots, .n_slots = n, .by_age = by_age};
    ix->bucket_mask = n_buckets(n) - 1;
    at += sizeof(struct h7_index_shared);
    ix->links = (struct h7_index_link *)(void *)at;
    at += links;
    ix->ages = (struct h7_index_link *)(void *)at;
    at += by_age ? links : 0;
    ix->keys = (struct h7_index_key *)(void *)at;
    at += round_up(n * sizeof(struct h7_index_key));
    ix->heap = (struct h7_a32 *)(void *)at;
    at += round_up(n * sizeof(struct h7_a32));
    ix->buckets = (struct h7_a32 *)(void *)at;
}

void h7_index_clear(struct h7_index *ix)
{
    struct h7_index_shared *sh = ix->shared;
    set(&sh->count, 0);
    set(&sh->n_keys, 0);
    set(&sh->fresh, 0);
    set(&sh->spare, NONE);
    set(&sh->last, NONE);
    set(&sh->oldest, NONE);
    set(&sh->newest, NONE);
    for (uint32_t i = 0; i <= ix->bucket_mask; i++)
        set(&ix->buckets[i], 0);
}

uint32_t h7_index_count(const struct h7_index *ix)
{
    return get(&ix->shared->count);
}

/* --- the heap of keys ------------------------------------------------------------------ */

static void heap_put(struct h7_index *ix, uint32_t at, uint32_t k)
{
    set(&ix->heap[at], k);
    set(&ix->keys[k].at, at);
}

/* k belongs at `at` or above. */
static int heap_up(struct h7_index *ix, uint32_t at, uint32_t k)
{
    uint64_t key = key_at(ix, k);
    while (at > 0) {
        uint32_t up = get(&ix->heap[(at - 1) / 2]);
        if (up >= ix->n_slots)
            return -EBADMSG;
        if (key_at(ix, up) <= key)
            break;
        heap_put(ix, at, up);
        at = (at - 1) / 2;
    }
    heap_put(ix, at, k);
    return 0;
}

/* k belongs at `at` or below, among n. */
static int heap_down(struct h7_index *ix, uint32_t at, uint32_t k, uint32_t n)
{
    uint64_t key = key_at(ix, k);
    for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        uint32_t a = get(&ix->heap[child]), b = child + 1 < n ? get(&ix->heap[child + 1]) : a;
        if (a >= ix->n_slots || b >= ix->n_slots)
            return -EBADMSG;
        if (key_at(ix, b) < key_at(ix, a)) {
            a = b;
            child++;
        }
        if (key <= key_at(ix, a))
            break;
        heap_put(ix, at, a);
        at = child;
    }
    heap_put(ix, at, k);
    return 0;
}

static int heap_remove(struct h7_index *ix, uint32_t k)
{
    uint32_t n = get(&ix->shared->n_keys), at = get(&ix->keys[k].at);
    if (n == 0 || n > ix->n_slots || at >= n || get(&ix->heap[at]) != k)
        return -EBADMSG;
    set(&ix->shared->n_keys, n - 1);
    uint32_t moved = get(&ix->heap[n - 1]);
    if (moved >= ix->n_slots)
        return -EBADMSG;
    if (at == n - 1)
        return 0;
    if (key_at(ix, moved) < key_at(ix, k))
        return heap_up(ix, at, moved);
    return heap_down(ix, at, moved, n - 1);
}

/* --- keys ------------------------------------------------------------------------------ */

/* The record of a key, or NONE. */
static int find_key(const struct h7_index *ix, uint64_t key, uint32_t *k)
{
    uint32_t last = get(&ix->shared->last);
    *k = NONE;
    if (last < ix->n_slots && key_at(ix, last) == key && get(&ix->keys[last].first) != NONE) {
        *k = last;
        return 0;
    }
    uint32_t i = get(bucket(ix, key));
    for (uint32_t n = 0; i != 0; n++) {
        if (i > ix->n_slots || n == ix->n_slots)
            return -EBADMSG;
        if (key_at(ix, i - 1) == key) {
            *k = i - 1;
            set(&ix->shared->last, i - 1);
            return 0;
        }
        i = get(&ix->keys[i - 1].chain);
    }
    return 0;
}

static int new_key(struct h7_index *ix, uint64_t key, uint32_t *k)
{
    struct h7_index_shared *sh = ix->shared;
    uint32_t n = get(&sh->n_keys), i = get(&sh->spare);
    if (i != NONE && i < ix->n_slots) {
        set(&sh->spare, get(&ix->keys[i].chain));
    } else {
        i = get(&sh->fresh);
        set(&sh->fresh, i + 1);
    }
    if (i >= ix->n_slots || n >= ix->n_slots)
        return -EBADMSG;
    struct h7_a32 *b = bucket(ix, key);
    h7_store64_relaxed(&ix->keys[i].key, key);
    set(&ix->keys[i].first, NONE);
    set(&ix->keys[i].last, NONE);
    set(&ix->keys[i].chain, get(b));
    set(b, i + 1);
    set(&sh->n_keys, n + 1);
    set(&sh->last, i);
    *k = i;
    return heap_up(ix, n, i);
}

static int drop_key(struct h7_index *ix, uint32_t k)
{
    struct h7_a32 *at = bucket(ix, key_at(ix, k));
    for (uint32_t n = 0; get(at) != k + 1; n++) {
        uint32_t i = get(at);
        if (i == 0 || i > ix->n_slots || n == ix->n_slots)
            return -EBADMSG;
        at = &ix->keys[i - 1].chain;
    }
    set(at, get(&ix->keys[k].chain));
    set(&ix->keys[k].first, NONE);
    set(&ix->keys[k].chain, get(&ix->shared->spare));
    set(&ix->shared->spare, k);
    return heap_remove(ix, k);
}

/* --- lists ----------------------------------------------------------------------------- */

/* Put slot behind prev (NONE: in front of all) into the list first..last. */
static int list_put(struct h7_index *ix, struct h7_index_link *links, struct h7_a32 *first,
                    struct h7_a32 *last, uint32_t prev, uint32_t slot)
{
    uint32_t next = prev == NONE ? get(first) : get(&links[prev].next);
    if (next != NONE && next >= ix->n_slots)
        return -EBADMSG;
    set(&links[slot].prev, prev);
    set(&links[slot].next, next);
    set(prev == NONE ? first : &links[prev].next, slot);
    set(next == NONE ? last : &links[next].prev, slot);
    return 0;
}

static int list_remove(struct h7_index *ix, struct h7_index_link *links, struct h7_a32 *first,
                       struct h7_a32 *last, uint32_t slot)
{
    uint32_t prev = get(&links[slot].prev), next = get(&links[slot].next);
    if ((prev != NONE && prev >= ix->n_slots) || (next != NONE && next >= ix->n_slots))
        return -EBADMSG;
    set(prev == NONE ? first : &links[prev].next, next);
    set(next == NONE ? last : &links[next].prev, prev);
    return 0;
}

/* The one behind which seq belongs, from the oldest on. */
static int place_of(const struct h7_index *ix, const struct h7_index_link *links, uint32_t first,
                    uint64_t seq, uint32_t *prev)
{
    uint32_t at = first;
    *prev = NONE;
    for (uint32_t n = 0; at != NONE; n++) {
        if (at >= ix->n_slots || n == ix->n_slots)
            return -EBADMSG;
        if (seq_of(ix, at) > seq)
            return 0;
        *prev = at;
        at = get(&links[at].next);
    }
    return 0;
}

static int tail_of(const struct h7_index *ix, const struct h7_a32 *last, uint32_t *prev)
{
    *prev = get(last);
    return *prev == NONE || *prev < ix->n_slots ? 0 : -EBADMSG;
}

static int add(struct h7_index *ix, uint32_t slot, int in_place)
{
    struct h7_index_shared *sh = ix->shared;
    uint64_t seq = seq_of(ix, slot), key = key_of(ix, slot);
    uint32_t k, prev;
    int r = find_key(ix, key, &k);
    if (r == 0 && k == NONE)
        r = new_key(ix, key, &k);
    if (r < 0)
        return r;
    struct h7_index_key *of = &ix->keys[k];
    r = in_place ? place_of(ix, ix->links, get(&of->first), seq, &prev)
                 : tail_of(ix, &of->last, &prev);
    if (r == 0)
        r = list_put(ix, ix->links, &of->first, &of->last, prev, slot);
    if (r == 0 && ix->by_age) {
        r = in_place ? place_of(ix, ix->ages, get(&sh->oldest), seq, &prev)
                     : tail_of(ix, &sh->newest, &prev);
        if (r == 0)
            r = list_put(ix, ix->ages, &sh->oldest, &sh->newest, prev, slot);
    }
    if (r == 0)
        set(&sh->count, get(&sh->count) + 1);
    return r;
}

int h7_index_push(struct h7_index *ix, uint32_t slot)
{
    return add(ix, slot, 0);
}

int h7_index_put_back(struct h7_index *ix, uint32_t slot)
{
    return add(ix, slot, 1);
}

int h7_index_remove(struct h7_index *ix, uint32_t slot)
{
    struct h7_index_shared *sh = ix->shared;
    uint32_t k, count = get(&sh->count);
    int r = find_key(ix, key_of(ix, slot), &k);
    if (r < 0 || k == NONE || count == 0)
        return -EBADMSG;
    struct h7_index_key *of = &ix->keys[k];
    r = list_remove(ix, ix->links, &of->first, &of->last, slot);
    if (r == 0 && ix->by_age)
        r = list_remove(ix, ix->ages, &sh->oldest, &sh->newest, slot);
    if (r == 0 && get(&of->first) == NONE)
        r = drop_key(ix, k);
    set(&sh->count, count - 1);
    return r;
}

/* --- finding --------------------------------------------------------------------------- */

static int give(const struct h7_index *ix, uint32_t found, uint32_t *slot)
{
    *slot = found;
    return found == NONE || found < ix->n_slots ? 0 : -EBADMSG;
}

int h7_index_first(const struct h7_index *ix, uint32_t *slot)
{
    *slot = H7_NO_SLOT;
    if (get(&ix->shared->n_keys) == 0)
        return 0;
    uint32_t k = get(&ix->heap[0]);
    return k < ix->n_slots ? give(ix, get(&ix->keys[k].first), slot) : -EBADMSG;
}

int h7_index_first_of(const struct h7_index *ix, uint64_t key, uint32_t *slot)
{
    uint32_t k;
    *slot = H7_NO_SLOT;
    int r = find_key(ix, key, &k);
    return r < 0 || k == NONE ? r : give(ix, get(&ix->keys[k].first), slot);
}

int h7_index_oldest(const struct h7_index *ix, uint32_t *slot)
{
    return give(ix, get(&ix->shared->oldest), slot);
}

int h7_index_oldest_but(const struct h7_index *ix, uint64_t key, uint32_t *slot)
{
    uint32_t at = get(&ix->shared->oldest);
    for (uint32_t n = 0; at < ix->n_slots && key_of(ix, at) == key; n++) {
        if (n == ix->n_slots)
            return -EBADMSG;
        at = get(&ix->ages[at].next);
    }
    return give(ix, at, slot);
}

int h7_index_nth(const struct h7_index *ix, uint64_t n, uint32_t *slot)
{
    uint32_t at = get(&ix->shared->oldest);
    *slot = H7_NO_SLOT;
    if (n >= ix->n_slots)
        return 0;
    for (; n > 0 && at < ix->n_slots; n--)
        at = get(&ix->ages[at].next);
    return give(ix, at, slot);
}
