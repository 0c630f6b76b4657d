/* SPDX-License-Identifier: MIT */
/*
 * queue/index_test.h - what the index's tests share: an index and slots that end where no page
 * is, so that one step too far is a fault, and random numbers that are the same each time
 */
#ifndef H7_QUEUE_INDEX_TEST_H
#define H7_QUEUE_INDEX_TEST_H

#include "base/unit_test.h"

#include "queue/index_internal.h"

struct bed {
    struct h7_index ix;
    struct h7_slot *slots;
    void *mem;
    size_t len; /* of mem */
    uint32_t n;
    uint64_t seq; /* of the next message */
};

/* len bytes, zeroed, in front of a page that can't be touched. */
static inline void *bed_memory(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (len + page - 1) / page * page;
    char *p = unit_shared(whole + page);
    assert_int_equal(mprotect(p + whole, page, PROT_NONE), 0);
    return p + whole - len;
}

static inline void bed_give_memory(void *mem, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (len + page - 1) / page * page;
    munmap((char *)mem + len - whole, whole + page);
}

static inline void bed_make(struct bed *b, uint32_t n, int by_age)
{
    b->n = n;
    b->seq = 0;
    b->len = h7_index_len(n, by_age);
    assert_int_equal(b->len % H7_APART, 0);
    b->mem = bed_memory(b->len);
    b->slots = bed_memory(n * sizeof *b->slots);
    h7_index_init(&b->ix, b->mem, b->slots, n, by_age);
    h7_index_clear(&b->ix);
}

static inline void bed_clear(struct bed *b)
{
    if (b->mem) {
        bed_give_memory(b->mem, b->len);
        bed_give_memory(b->slots, b->n * sizeof *b->slots);
    }
    b->mem = NULL;
}

/* A message in the slot, the newest, not yet in the index. */
static inline void bed_fill(struct bed *b, uint32_t slot, uint64_t key)
{
    h7_store64_relaxed(&b->slots[slot].key, key);
    h7_store64_relaxed(&b->slots[slot].seq, b->seq++);
    h7_store32_relaxed(&b->slots[slot].state, H7_SLOT_QUEUED);
}

static inline void bed_push(struct bed *b, uint32_t slot, uint64_t key)
{
    bed_fill(b, slot, key);
    assert_int_equal(h7_index_push(&b->ix, slot), 0);
}

static inline void bed_remove(struct bed *b, uint32_t slot, uint32_t state)
{
    assert_int_equal(h7_index_remove(&b->ix, slot), 0);
    h7_store32_relaxed(&b->slots[slot].state, state);
}

static inline int bed_check(struct bed *b)
{
    char why[128] = "";
    int r = h7_index_check(&b->ix, b->seq, why, sizeof why);
    assert_true(r == 0 ? why[0] == 0 : r == -EBADMSG && why[0] != 0);
    return r;
}

static uint64_t random_state;

static inline uint64_t random_of(uint64_t n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = random_state;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
    return (x ^ x >> 29) % n;
}

#endif
