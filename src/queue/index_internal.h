/* SPDX-License-Identifier: MIT */
/*
 * queue/index_internal.h - the index's layout, for its own files and their tests: index.c adds,
 * removes and finds; index_mend.c makes it anew and checks it. What is static here has no prefix,
 * as in a source.
 *
 * Shared layout, all guarded by the consumers' lock, all numbers of slots or of keys, which are
 * fewer than slots; NONE ends a list:
 *   count, n_keys     slots, and different keys, in it
 *   spare             keys' records that were used and are free, a list; fresh: never used ones
 *   last              the record that was used last, a guess
 *   oldest, newest    ends of the list by age
 *   links[slot]       its neighbours of the same key, in the order of seq
 *   ages[slot]        its neighbours by seq among all (by_age)
 *   keys[]            key, first and last slot, place in the heap, next record of the bucket
 *   heap[]            records of keys, the lowest first
 *   buckets[]         record + 1 of the first key of that hash; 0 none
 *
 * Invariants (h7_index_check()):
 *   X1 the lists of the keys have count slots, each QUEUED, of that key, with rising seqs below
 *      end; and no other slot is so
 *   X2 the list by age has the same number, with rising seqs
 *   X3 the heap is one, and keys know their place in it; each is in the chain of its hash, once
 *   X4 the first fresh records are in the heap or, empty, in the list of the spare
 */
#ifndef H7_QUEUE_INDEX_INTERNAL_H
#define H7_QUEUE_INDEX_INTERNAL_H

#include <errno.h>

#include "queue/index.h"

#define NONE 0xffffffffu

struct h7_index_shared {
    struct h7_a32 count, n_keys, spare, fresh, last, oldest, newest;
} __attribute__((aligned(H7_APART)));

struct h7_index_link {
    struct h7_a32 prev, next;
};

struct h7_index_key {
    struct h7_a64 key;
    struct h7_a32 first, last; /* first NONE: the record is free */
    struct h7_a32 at;          /* in the heap */
    struct h7_a32 chain;       /* record + 1 */
};

/* relaxed, all of them: under the lock */
static inline uint32_t get(const struct h7_a32 *a)
{
    return h7_load32_relaxed(a);
}

static inline void set(struct h7_a32 *a, uint32_t v)
{
    h7_store32_relaxed(a, v);
}

static inline uint64_t key_of(const struct h7_index *ix, uint32_t slot)
{
    return h7_load64_relaxed(&ix->slots[slot].key);
}

static inline uint64_t seq_of(const struct h7_index *ix, uint32_t slot)
{
    return h7_load64_relaxed(&ix->slots[slot].seq);
}

static inline uint64_t key_at(const struct h7_index *ix, uint32_t k)
{
    return h7_load64_relaxed(&ix->keys[k].key);
}

/* Where the chain of a key begins. */
static inline struct h7_a32 *bucket(const struct h7_index *ix, uint64_t key)
{
    return &ix->buckets[(uint32_t)(key * 0x9e3779b97f4a7c15ull >> 40) & ix->bucket_mask];
}

#endif
