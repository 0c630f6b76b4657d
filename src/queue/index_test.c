/* SPDX-License-Identifier: MIT */
/*
 * queue/index_test.c - the index against a model that looks at every slot each time: the
 * slots' own states, keys and seqs say what it must find. What it does with nonsense is in
 * queue/index_hostile_test.c.
 */
#define _GNU_SOURCE
#include "queue/index_test.h"

static struct bed b;

static int tear_down(void **state)
{
    (void)state;
    bed_clear(&b);
    return 0;
}

/* --- the model --------------------------------------------------------------------------- */

static int queued(uint32_t i)
{
    return h7_load32_relaxed(&b.slots[i].state) == H7_SLOT_QUEUED;
}

enum by { BY_KEY, BY_AGE };

/* The first by that order, of those with key (or without it: but; or all: NULL). */
static uint32_t model(enum by by, const uint64_t *key, int but)
{
    uint32_t best = H7_NO_SLOT;
    for (uint32_t i = 0; i < b.n; i++) {
        if (!queued(i) || (key && (key_of(&b.ix, i) == *key) == but))
            continue;
        if (best == H7_NO_SLOT ||
            (by == BY_KEY && key_of(&b.ix, i) < key_of(&b.ix, best)) ||
            ((by == BY_AGE || key_of(&b.ix, i) == key_of(&b.ix, best)) &&
             seq_of(&b.ix, i) < seq_of(&b.ix, best)))
            best = i;
    }
    return best;
}

static uint32_t model_count(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b.n; i++)
        n += queued(i);
    return n;
}

/* How many are older. */
static uint32_t model_rank(uint32_t slot)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b.n; i++)
        n += queued(i) && seq_of(&b.ix, i) < seq_of(&b.ix, slot);
    return n;
}

static uint32_t first(void)
{
    uint32_t slot = 0;
    assert_int_equal(h7_index_first(&b.ix, &slot), 0);
    return slot;
}

static void compare_key(uint64_t key)
{
    uint32_t slot = 0;
    assert_int_equal(h7_index_first_of(&b.ix, key, &slot), 0);
    assert_int_equal(slot, model(BY_AGE, &key, 0));
    if (!b.ix.by_age)
        return;
    assert_int_equal(h7_index_oldest_but(&b.ix, key, &slot), 0);
    assert_int_equal(slot, model(BY_AGE, &key, 1));
}

static void compare_ages(void)
{
    uint32_t slot = 0, n = model_count();
    assert_int_equal(h7_index_oldest(&b.ix, &slot), 0);
    assert_int_equal(slot, model(BY_AGE, NULL, 0));
    for (uint32_t i = 0; i < b.n; i++) {
        if (!queued(i))
            continue;
        assert_int_equal(h7_index_nth(&b.ix, model_rank(i), &slot), 0);
        assert_int_equal(slot, i);
    }
    const uint64_t beyond[] = {n, n + 1, b.n, b.n + 1ull, 1ull << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        assert_int_equal(h7_index_nth(&b.ix, beyond[i], &slot), 0);
        assert_int_equal(slot, H7_NO_SLOT);
    }
}

static void compare(void)
{
    assert_int_equal(bed_check(&b), 0);
    assert_int_equal(h7_index_count(&b.ix), model_count());
    assert_int_equal(first(), model(BY_KEY, NULL, 0));
    for (uint32_t i = 0; i < b.n; i++)
        compare_key(key_of(&b.ix, i)); /* of messages, and of some that are gone */
    compare_key(UINT64_MAX - 7);
    if (b.ix.by_age)
        compare_ages();
}

/* --- random operations ------------------------------------------------------------------- */

/* Some slot in that state, or H7_NO_SLOT. */
static uint32_t some(uint32_t state)
{
    uint32_t from = (uint32_t)random_of(b.n);
    for (uint32_t i = 0; i < b.n; i++)
        if (h7_load32_relaxed(&b.slots[(from + i) % b.n].state) == state)
            return (from + i) % b.n;
    return H7_NO_SLOT;
}

/* pushing: in ten, so that the index fills and empties. */
static void step(uint64_t n_keys, uint64_t pushing)
{
    uint64_t what = random_of(10);
    uint32_t slot = some(what < pushing ? H7_SLOT_FREE : what == 9 ? H7_SLOT_TAKEN
                                                                   : H7_SLOT_QUEUED);
    if (slot == H7_NO_SLOT)
        return;
    if (what < pushing) {
        uint64_t key = random_of(n_keys);
        bed_push(&b, slot, n_keys == UINT64_MAX ? key : key * key);
    } else if (what == 9) {
        h7_store32_relaxed(&b.slots[slot].state, H7_SLOT_QUEUED);
        assert_int_equal(h7_index_put_back(&b.ix, slot), 0);
    } else {
        if (random_of(2))
            slot = first();
        bed_remove(&b, slot, random_of(4) ? H7_SLOT_FREE : H7_SLOT_TAKEN);
    }
}

static void random_run(uint32_t n, int by_age, uint64_t n_keys)
{
    bed_make(&b, n, by_age);
    random_state = n + n_keys;
    for (uint64_t i = 0; i < 2000; i++) {
        step(n_keys, i % 400 < 200 ? 6 : 3);
        if (i % 4 == 0)
            compare();
        if (i % 100 == 99) { /* made anew, it is the same */
            assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
            compare();
        }
    }
    bed_clear(&b);
}

static void test_random_operations(void **state)
{
    const uint64_t keys[] = {1, 2, 5, 40, UINT64_MAX};
    const uint32_t sizes[] = {1, 2, 3, 17, 32};
    (void)state;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
            random_run(sizes[n], (int)(k + n) % 2, keys[k]);
}

/* --- one by one -------------------------------------------------------------------------- */

static void test_empty(void **state)
{
    (void)state;
    bed_make(&b, 8, 1);
    memset(b.mem, 0xa5, b.len); /* whatever is in there */
    h7_index_clear(&b.ix);
    compare();
    assert_int_equal(h7_index_remove(&b.ix, 3), -EBADMSG);
    assert_int_equal(h7_index_rebuild(&b.ix, 0), 0);
    compare();
}

static void test_one_key_is_a_fifo(void **state)
{
    (void)state;
    bed_make(&b, 100, 1);
    for (uint32_t i = 0; i < 100; i++)
        bed_push(&b, i * 37 % 100, 5);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t slot = i * 37 % 100;
        assert_int_equal(first(), slot);
        bed_remove(&b, slot, H7_SLOT_FREE);
        bed_push(&b, slot, 5);
    }
    compare();
}

static void test_the_lowest_key_goes_first(void **state)
{
    (void)state;
    const uint64_t keys[] = {UINT64_MAX, 0, 7, 1ull << 32, 7, 0};
    const uint32_t order[] = {1, 5, 2, 4, 3, 0};
    bed_make(&b, 6, 0);
    for (uint32_t i = 0; i < 6; i++)
        bed_push(&b, i, keys[i]);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(first(), order[i]);
        bed_remove(&b, order[i], H7_SLOT_FREE);
    }
    assert_int_equal(first(), H7_NO_SLOT);
}

/* As many keys as slots, in rising, falling and mixed order; then all of them gone. */
static void test_a_key_for_each_slot(void **state)
{
    (void)state;
    enum { N = 4096 };
    bed_make(&b, N, 1);
    for (int turn = 0; turn < 3; turn++) {
        uint64_t before = 0;
        for (uint32_t i = 0; i < N; i++)
            bed_push(&b, i, 1 + (turn == 0 ? i : turn == 1 ? N - i : i * 2654435761u));
        assert_int_equal(bed_check(&b), 0);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t slot = first();
            assert_true(key_of(&b.ix, slot) > before);
            before = key_of(&b.ix, slot);
            bed_remove(&b, slot, H7_SLOT_FREE);
        }
        assert_int_equal(h7_index_count(&b.ix), 0);
        assert_int_equal(bed_check(&b), 0);
    }
}

static void test_put_back_between(void **state)
{
    (void)state;
    bed_make(&b, 5, 1);
    for (uint32_t i = 0; i < 5; i++)
        bed_push(&b, i, i == 4);
    const uint32_t out[] = {2, 0, 4, 3, 1}, in[] = {3, 4, 0, 2, 1};
    for (int i = 0; i < 5; i++)
        bed_remove(&b, out[i], H7_SLOT_TAKEN);
    for (int i = 0; i < 5; i++) {
        h7_store32_relaxed(&b.slots[in[i]].state, H7_SLOT_QUEUED);
        assert_int_equal(h7_index_put_back(&b.ix, in[i]), 0);
        compare();
    }
}

/* --- made anew --------------------------------------------------------------------------- */

/* Whatever the memory holds, and only the messages that count. */
static void test_rebuild_from_the_slots(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 40; n++) {
        bed_make(&b, n, n % 2);
        random_state = n;
        for (uint32_t i = 0; i < n; i++)
            bed_fill(&b, i, random_of(1 + n / 2));
        for (uint32_t i = 0; i < n; i++) {
            h7_store64_relaxed(&b.slots[i].seq, (i * 43ull) ^ 21);
            h7_store32_relaxed(&b.slots[i].state, (uint32_t)random_of(4));
        }
        b.seq = UINT64_MAX;
        memset(b.mem, (int)n, b.len);
        assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
        compare();
        b.seq = 43ull * (n / 2); /* the others aren't published, so they don't count */
        assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
        for (uint32_t i = 0; i < n; i++)
            if (seq_of(&b.ix, i) >= b.seq)
                h7_store32_relaxed(&b.slots[i].state, H7_SLOT_FREE);
        compare();
        bed_clear(&b);
    }
}

static void test_rebuild_tells_of_two_of_one_seq(void **state)
{
    (void)state;
    bed_make(&b, 20, 1);
    for (uint32_t a = 0; a < 20; a++)
        for (uint32_t c = 0; c < a; c++) {
            b.seq = 0;
            for (uint32_t i = 0; i < 20; i++)
                bed_fill(&b, i * 3 % 20, i % 4);
            h7_store64_relaxed(&b.slots[c].seq, seq_of(&b.ix, a));
            assert_int_equal(h7_index_rebuild(&b.ix, b.seq), -EBADMSG);
            assert_int_equal(h7_index_count(&b.ix), 0);
            assert_int_equal(first(), H7_NO_SLOT);
        }
}

/* So many that anything but n log n would meet the alarm. */
static void test_rebuild_of_many(void **state)
{
    (void)state;
    enum { N = 1 << 17 };
    bed_make(&b, N, 1);
    for (uint32_t i = 0; i < N; i++)
        bed_fill(&b, (uint32_t)(i * 2654435761ull % N), i % 3 ? 1 : i);
    assert_int_equal(h7_index_rebuild(&b.ix, b.seq), 0);
    assert_int_equal(bed_check(&b), 0);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t slot;
        assert_int_equal(h7_index_oldest(&b.ix, &slot), 0);
        assert_int_equal(seq_of(&b.ix, slot), i);
        bed_remove(&b, slot, H7_SLOT_FREE);
    }
    assert_int_equal(bed_check(&b), 0);
}

static void test_len(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= H7_SLOTS_MAX; n *= 2) {
        assert_true(h7_index_len(n, 1) <= 64ull * n + 1024);
        assert_true(h7_index_len(n, 0) <= h7_index_len(n, 1));
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_len),
        T(test_empty),
        T(test_one_key_is_a_fifo),
        T(test_the_lowest_key_goes_first),
        T(test_a_key_for_each_slot),
        T(test_put_back_between),
        T(test_random_operations),
        T(test_rebuild_from_the_slots),
        T(test_rebuild_tells_of_two_of_one_seq),
        T(test_rebuild_of_many),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
