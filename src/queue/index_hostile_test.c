/* SPDX-License-Identifier: MIT */
/*
 * queue/index_hostile_test.c - the index when a peer writes into it: the check tells each
 * planted error; whatever bytes are there, each verb ends and stays inside its arrays (behind
 * which there is no page); and made anew it is right again
 */
#define _GNU_SOURCE
#include "queue/index_test.h"

#include <pthread.h>

#define N 16u

static struct bed b;

static int tear_down(void **state)
{
    (void)state;
    bed_clear(&b);
    return 0;
}

/* Keys 0 to 3 with slots i, i + 4, ...; slots 12 to 15 are free, so are two records. */
static void plant(void)
{
    bed_clear(&b);
    bed_make(&b, N, 1);
    for (uint32_t i = 0; i < 14; i++)
        bed_push(&b, i, i < 12 ? i % 4 : i);
    bed_remove(&b, 12, H7_SLOT_FREE);
    bed_remove(&b, 13, H7_SLOT_FREE);
    assert_int_equal(bed_check(&b), 0);
}

/* With any other value in it, the check fails. */
static void only_right(struct h7_a32 *field)
{
    const uint32_t right = get(field);
    const uint32_t others[] = {0, 1, 2, 3, 5, 8, 11, 14, N - 1, N, N + 1, 1u << 31, NONE - 1, NONE};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] == right)
            continue;
        set(field, others[i]);
        assert_int_equal(bed_check(&b), -EBADMSG);
    }
    set(field, right);
    assert_int_equal(bed_check(&b), 0);
}

/* --- the check --------------------------------------------------------------------------- */

static void test_check_ends_of_all(void **state)
{
    (void)state;
    plant();
    only_right(&b.ix.shared->count);
    only_right(&b.ix.shared->n_keys);
    only_right(&b.ix.shared->spare);
    only_right(&b.ix.shared->fresh);
    only_right(&b.ix.shared->oldest);
    only_right(&b.ix.shared->newest);
}

static void test_check_links(void **state)
{
    (void)state;
    plant();
    for (uint32_t i = 0; i < 12; i++) {
        only_right(&b.ix.links[i].prev);
        only_right(&b.ix.links[i].next);
        only_right(&b.ix.ages[i].prev);
        only_right(&b.ix.ages[i].next);
    }
}

static void test_check_keys(void **state)
{
    (void)state;
    plant();
    for (uint32_t i = 0; i < 4; i++) {
        struct h7_index_key *k = &b.ix.keys[get(&b.ix.heap[i])];
        only_right(&b.ix.heap[i]);
        only_right(&k->first);
        only_right(&k->last);
        only_right(&k->at);
        only_right(&k->chain);
        uint64_t key = h7_load64_relaxed(&k->key);
        h7_store64_relaxed(&k->key, key + 4);
        assert_int_equal(bed_check(&b), -EBADMSG);
        h7_store64_relaxed(&k->key, key);
    }
    for (uint32_t i = 0; i <= b.ix.bucket_mask; i++)
        only_right(&b.ix.buckets[i]);
}

static void test_check_slots(void **state)
{
    (void)state;
    plant();
    for (uint32_t i = 0; i < 12; i++) {
        struct h7_slot *s = &b.slots[i];
        uint64_t seq = seq_of(&b.ix, i), key = key_of(&b.ix, i);
        h7_store64_relaxed(&s->key, key + 1);
        assert_int_equal(bed_check(&b), -EBADMSG);
        h7_store64_relaxed(&s->key, key);
        h7_store64_relaxed(&s->seq, i < 8 ? seq + 4 : b.seq);
        assert_int_equal(bed_check(&b), -EBADMSG);
        h7_store64_relaxed(&s->seq, seq);
        h7_store32_relaxed(&s->state, H7_SLOT_TAKEN);
        assert_int_equal(bed_check(&b), -EBADMSG);
        h7_store32_relaxed(&s->state, H7_SLOT_QUEUED);
    }
    assert_int_equal(bed_check(&b), 0);
    bed_fill(&b, 15, 1); /* a message that is in no list */
    assert_int_equal(bed_check(&b), -EBADMSG);
}

static void heap_swap(uint32_t i, uint32_t j)
{
    uint32_t at_i = get(&b.ix.heap[i]), at_j = get(&b.ix.heap[j]);
    set(&b.ix.heap[i], at_j);
    set(&b.ix.heap[j], at_i);
    set(&b.ix.keys[at_j].at, i);
    set(&b.ix.keys[at_i].at, j);
}

static void test_check_order_of_keys(void **state)
{
    (void)state;
    plant();
    for (uint32_t i = 1; i < 4; i++) {
        heap_swap(i, (i - 1) / 2);
        assert_int_equal(bed_check(&b), -EBADMSG);
        heap_swap(i, (i - 1) / 2);
        assert_int_equal(bed_check(&b), 0);
    }
}

static void test_check_spare_records(void **state)
{
    (void)state;
    plant();
    for (uint32_t k = get(&b.ix.shared->spare); k != NONE; k = get(&b.ix.keys[k].chain)) {
        only_right(&b.ix.keys[k].chain); /* also to itself */
        set(&b.ix.keys[k].first, 12);
        assert_int_equal(bed_check(&b), -EBADMSG);
        set(&b.ix.keys[k].first, NONE);
    }
    assert_int_equal(bed_check(&b), 0);
}

/* Two records of one key: a receiver would find only one list. */
static void test_check_a_key_twice(void **state)
{
    (void)state;
    bed_make(&b, N, 0);
    bed_push(&b, 2, 1);
    bed_push(&b, 0, 5);
    struct h7_a32 *chain = bucket(&b.ix, 5);
    assert_true(chain != bucket(&b.ix, 1));
    uint32_t k = get(chain);
    set(chain, 0); /* so that it isn't found, and a record is added; */
    set(&b.ix.shared->last, NONE);
    bed_push(&b, 1, 5);
    set(&b.ix.keys[get(chain) - 1].chain, k); /* then it is there again */
    assert_int_equal(bed_check(&b), -EBADMSG);
    assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
    assert_int_equal(bed_check(&b), 0);
}

/* --- scribbles --------------------------------------------------------------------------- */

static uint32_t junk(void)
{
    switch (random_of(4)) {
    case 0:
        return (uint32_t)random_of(1ull << 32);
    case 1:
        return NONE - (uint32_t)random_of(2);
    default:
        return (uint32_t)random_of(b.n + 2); /* numbers that pass for right lead furthest */
    }
}

/* One word in `among` of the index and of the slots' keys, seqs and states. */
static void scribble(uint64_t among)
{
    struct h7_a32 *words = b.mem;
    for (size_t i = 0; i < b.len / sizeof *words; i++)
        if (random_of(among) == 0)
            set(&words[i], junk());
    for (uint32_t i = 0; i < b.n; i++) {
        if (random_of(among) == 0)
            h7_store64_relaxed(&b.slots[i].key, random_of(4));
        if (random_of(among) == 0)
            h7_store64_relaxed(&b.slots[i].seq, random_of(2ull * b.n));
        if (random_of(among) == 0)
            h7_store32_relaxed(&b.slots[i].state, (uint32_t)random_of(5));
    }
}

static void told(int r)
{
    assert_true(r == 0 || r == -EBADMSG);
}

static void found(int r, const uint32_t *slot)
{
    told(r);
    assert_true(r < 0 || *slot < b.n || *slot == H7_NO_SLOT);
}

static void find_all(void)
{
    uint32_t slot = 0;
    found(h7_index_first(&b.ix, &slot), &slot);
    found(h7_index_first_of(&b.ix, random_of(5), &slot), &slot);
    found(h7_index_oldest(&b.ix, &slot), &slot);
    found(h7_index_oldest_but(&b.ix, random_of(5), &slot), &slot);
    found(h7_index_nth(&b.ix, random_of(b.n + 2), &slot), &slot);
}

static void call_all(int times)
{
    char why[128];
    for (int i = 0; i < times; i++) {
        uint32_t slot = (uint32_t)random_of(b.n);
        find_all();
        told(h7_index_push(&b.ix, slot));
        told(h7_index_remove(&b.ix, (uint32_t)random_of(b.n)));
        told(h7_index_put_back(&b.ix, slot));
        told(h7_index_check(&b.ix, 1ull << 40, why, sizeof why));
        h7_index_count(&b.ix);
        if (random_of(16) == 0)
            told(h7_index_rebuild(&b.ix, 1ull << 40));
    }
}

static void mended(void)
{
    for (uint32_t i = 0; i < b.n; i++)
        bed_fill(&b, i, random_of(6));
    assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
    assert_int_equal(h7_index_count(&b.ix), b.n);
    assert_int_equal(bed_check(&b), 0);
}

static void scribbled(uint32_t n, int by_age, int rounds, int calls)
{
    const uint64_t among[] = {1, 2, 8, 50};
    bed_make(&b, n, by_age);
    for (int i = 0; i < rounds; i++) {
        random_state = (uint64_t)i * 1000 + n;
        mended();
        scribble(among[i % 4]);
        call_all(calls);
    }
    mended();
    bed_clear(&b);
}

static void test_scribbled(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 20; n++)
        for (int by_age = 0; by_age < 2; by_age++)
            scribbled(n, by_age, 200, 8);
    scribbled(1000, 1, 20, 30);
}

/* Rings as long as they can be, in everything that is followed, of one hash. */
static void test_rings_end(void **state)
{
    (void)state;
    enum { MANY = 1 << 16 };
    bed_make(&b, MANY, 1);
    mended();
    for (uint32_t i = 0; i < MANY; i++) {
        set(&b.ix.links[i].next, (i + 1) % MANY);
        set(&b.ix.ages[i].next, (i + 1) % MANY);
        set(&b.ix.keys[i].chain, (i + 1) % MANY + 1);
        h7_store64_relaxed(&b.ix.keys[i].key, 77);
        h7_store64_relaxed(&b.slots[i].seq, 0);
        h7_store64_relaxed(&b.slots[i].key, 2);
        set(&b.ix.buckets[i], i + 1);
    }
    set(&b.ix.shared->oldest, 0);
    uint32_t slot;
    told(h7_index_nth(&b.ix, UINT64_MAX, &slot));
    call_all(50);
    mended();
}

/* The record to drop isn't in its chain, which is a ring of another. */
static void test_chain_without_the_key(void **state)
{
    (void)state;
    bed_make(&b, 4, 0);
    bed_push(&b, 0, 1);
    uint32_t other = get(&b.ix.shared->last) + 1;
    bed_push(&b, 1, 2); /* from here on the last, so found without the chain */
    set(bucket(&b.ix, 2), other);
    set(&b.ix.keys[other - 1].chain, other);
    assert_int_equal(h7_index_remove(&b.ix, 1), -EBADMSG);
    mended();
}

/* --- at the same time -------------------------------------------------------------------- */

static uint32_t stop;

static void *meddle(void *arg)
{
    struct h7_a32 *words = b.mem;
    uint64_t x = 1;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        uint32_t number = (uint32_t)(x >> 20) % (2 * b.n); /* half of them lead out */
        set(&words[(x >> 33) % (b.len / sizeof *words)], number < b.n ? number : NONE - number);
        h7_store64_relaxed(&b.slots[(x >> 40) % b.n].seq, (x >> 8) % b.n);
    }
    return arg;
}

static void test_meddled_with_meanwhile(void **state)
{
    (void)state;
    pthread_t peer;
    bed_make(&b, 64, 1);
    random_state = 1;
    stop = 0;
    assert_int_equal(pthread_create(&peer, NULL, meddle, NULL), 0);
    for (int i = 0; i < 300; i++) {
        for (uint32_t slot = 0; slot < b.n; slot++)
            bed_fill(&b, slot, random_of(6));
        told(h7_index_rebuild(&b.ix, b.seq));
        call_all(20);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(peer, NULL), 0);
    mended();
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_check_ends_of_all),
        T(test_check_links),
        T(test_check_keys),
        T(test_check_slots),
        T(test_check_order_of_keys),
        T(test_check_spare_records),
        T(test_check_a_key_twice),
        T(test_scribbled),
        T(test_rings_end),
        T(test_chain_without_the_key),
        T(test_meddled_with_meanwhile),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
