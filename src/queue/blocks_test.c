/* SPDX-License-Identifier: MIT */
/*
 * queue/blocks_test.c - blocks against a plain list of who has which; made anew from the chains;
 * whole or in pieces; and whatever a peer writes there, each call ends and stays inside
 *
 * The memory ends where no page is, so that one step too far is a fault.
 */
#define _GNU_SOURCE
#include "queue/index_test.h" /* memory with a guard page behind it, random numbers */

#include <pthread.h>

#include "queue/blocks.h"

#define MANY 1000u /* blocks, at most */
#define CHAINS 64u

static struct h7_blocks b;
static void *mem;

/* The model: who has a block, from 1; and what was taken. */
static uint32_t owner[MANY];
static struct chain {
    uint32_t first, n;
} chains[CHAINS];

/* The first two words, as the layout in blocks.c has them. */
static struct h7_a32 *n_free_word(void)
{
    return mem;
}
static struct h7_a32 *cursor_word(void)
{
    return (struct h7_a32 *)mem + 1;
}

static void give_memory(void)
{
    if (mem)
        bed_give_memory(mem, h7_blocks_len(b.n));
    mem = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    give_memory();
    return 0;
}

static void make(uint32_t n)
{
    give_memory();
    assert_int_equal(h7_blocks_len(n) % H7_APART, 0);
    mem = bed_memory(h7_blocks_len(n));
    h7_blocks_init(&b, mem, n);
    memset(mem, 0x5a, h7_blocks_len(n));
    h7_blocks_clear(&b);
    memset(owner, 0, sizeof owner);
    memset(chains, 0, sizeof chains);
}

static int check(void)
{
    char why[128] = "";
    int r = h7_blocks_check(&b, why, sizeof why);
    assert_true(r == 0 ? why[0] == 0 : r == -EBADMSG && why[0] != 0);
    return r;
}

static int is_used(uint32_t i)
{
    return h7_load64_relaxed(&b.bits[i / 64]) >> i % 64 & 1;
}

/* --- the model --------------------------------------------------------------------------- */

static uint32_t model_free(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b.n; i++)
        n += owner[i] == 0;
    return n;
}

static uint32_t model_longest_run(void)
{
    uint32_t run = 0, best = 0;
    for (uint32_t i = 0; i < b.n; i++) {
        run = owner[i] ? 0 : run + 1;
        best = run > best ? run : best;
    }
    return best;
}

/* Each block of chain c, in its order, must belong to `from`, and is `to`'s then. How many runs. */
static uint32_t hand_over(uint32_t c, uint32_t from, uint32_t to)
{
    uint32_t at = chains[c].first, left = chains[c].n, runs = 0;
    for (; left > 0; runs++) {
        uint32_t next, run = h7_blocks_run(&b, at, left, &next);
        assert_in_range(run, 1, left);
        assert_true(at + run <= b.n);
        for (uint32_t i = at; i < at + run; i++) {
            assert_int_equal(owner[i], from);
            owner[i] = to;
        }
        left -= run;
        assert_true(left == 0 || next != at + run);
        at = next;
    }
    return runs;
}

static void take(uint32_t c, uint32_t n, int whole)
{
    uint32_t first = H7_BLOCKS_MAX, can = whole ? model_longest_run() : model_free();
    int r = h7_blocks_take(&b, n, whole, &first);
    assert_int_equal(r, n <= can ? 0 : -EAGAIN);
    if (r < 0)
        return;
    chains[c] = (struct chain){first, n};
    uint32_t runs = hand_over(c, 0, c + 1);
    assert_true(!whole || runs == 1);
}

static void give(uint32_t c)
{
    hand_over(c, c + 1, 0);
    assert_int_equal(h7_blocks_give(&b, chains[c].first, chains[c].n), 0);
    chains[c].n = 0;
}

static void same_as_model(void)
{
    assert_int_equal(check(), 0);
    assert_int_equal(h7_blocks_n_free(&b), model_free());
    for (uint32_t i = 0; i < b.n; i++)
        assert_int_equal(is_used(i), owner[i] != 0);
}

/* As after a death: only the links are left. */
static void make_anew(void)
{
    for (uint32_t i = 0; i < b.n; i += 64)
        h7_store64_relaxed(&b.bits[i / 64], random_of(1ull << 60));
    h7_store32_relaxed(n_free_word(), (uint32_t)random_of(1ull << 32));
    h7_blocks_clear(&b);
    for (uint32_t c = CHAINS; c-- > 0;) /* any order does */
        if (chains[c].n)
            assert_int_equal(h7_blocks_mark(&b, chains[c].first, chains[c].n), 0);
}

static void at_random(uint32_t n, int rounds)
{
    make(n);
    random_state = n;
    for (int i = 0; i < rounds; i++) {
        uint32_t c = (uint32_t)random_of(CHAINS);
        if (chains[c].n)
            give(c);
        else
            take(c, 1 + (uint32_t)random_of(random_of(4) ? n / 16 + 1 : n), random_of(3) == 0);
        if (i % 50 == 0)
            make_anew();
        same_as_model();
    }
}

static void test_against_a_model(void **state)
{
    (void)state;
    const uint32_t few[] = {1, 2, 3, 63, 64, 65, 127, 128, 129, 200};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        at_random(few[i], 2000);
    at_random(MANY, 5000);
}

/* --- what is promised, one by one ---------------------------------------------------------- */

/* Every other block is taken. */
static void make_holes(uint32_t n)
{
    make(n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at;
        assert_int_equal(h7_blocks_take(&b, 1, 0, &at), 0);
        assert_int_equal(at, i);
    }
    for (uint32_t i = 0; i < n; i += 2)
        assert_int_equal(h7_blocks_give(&b, i, 1), 0);
}

static void test_pieces_where_there_is_no_run(void **state)
{
    (void)state;
    uint32_t at;
    make_holes(200);
    assert_int_equal(h7_blocks_take(&b, 2, 1, &at), -EAGAIN);
    assert_int_equal(h7_blocks_n_free(&b), 100);
    for (uint32_t i = 1; i < 200; i += 2)
        owner[i] = 99;
    take(0, 100, 0);
    same_as_model();
    assert_int_equal(h7_blocks_take(&b, 1, 0, &at), -EAGAIN);
}

/* Who comes first goes first: then runs are found, in a queue that is nearly full, too. */
static void test_round_and_round(void **state)
{
    (void)state;
    make(90);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t c = i % 8;
        if (chains[c].n)
            give(c);
        take(c, 9, 1);
        assert_int_equal(chains[c].n, 9);
    }
    same_as_model();
}

static void test_what_is_refused(void **state)
{
    (void)state;
    uint32_t at, next;
    make(70);
    assert_int_equal(h7_blocks_take(&b, 0, 0, &at), -EBADMSG);
    assert_int_equal(h7_blocks_take(&b, 71, 0, &at), -EAGAIN);
    assert_int_equal(h7_blocks_take(&b, 3, 1, &at), 0);
    assert_int_equal(h7_blocks_give(&b, at, 0), -EBADMSG);
    assert_int_equal(h7_blocks_give(&b, at, 71), -EBADMSG);
    assert_int_equal(h7_blocks_give(&b, at, 4), -EBADMSG); /* the fourth is free */
    assert_int_equal(h7_blocks_give(&b, 70, 1), -EBADMSG);
    assert_int_equal(h7_blocks_give(&b, H7_BLOCKS_MAX, 1), -EBADMSG);
    assert_int_equal(h7_blocks_mark(&b, at + 2, 1), -EBADMSG); /* twice */
    assert_int_equal(h7_blocks_mark(&b, 70, 1), -EBADMSG);
    assert_int_equal(h7_blocks_run(&b, 70, 1, &next), 0);
    assert_int_equal(h7_blocks_run(&b, 0, 0, &next), 0);
    assert_int_equal(h7_blocks_n_free(&b), 67);
    assert_int_equal(check(), 0);
}

/* Nothing of a chain that isn't right is given back. */
static void test_rings_are_refused(void **state)
{
    (void)state;
    uint32_t at;
    for (uint32_t to = 0; to < 5; to++) {
        make(70);
        assert_int_equal(h7_blocks_take(&b, 6, 1, &at), 0);
        h7_store32_relaxed(&b.next[at + 4], at + to);
        assert_int_equal(h7_blocks_give(&b, at, 6), -EBADMSG);
        assert_int_equal(h7_blocks_n_free(&b), 64);
        for (uint32_t i = 0; i < 6; i++)
            assert_true(is_used(at + i));
        h7_blocks_clear(&b);
        assert_int_equal(h7_blocks_mark(&b, at, 6), -EBADMSG);
        assert_int_equal(check(), 0);
    }
}

static void test_check_tells(void **state)
{
    (void)state;
    make_holes(130);
    assert_int_equal(check(), 0);
    for (uint32_t i = 0; i < 192; i++) { /* the bits that stand for no block, too */
        uint64_t word = h7_load64_relaxed(&b.bits[i / 64]);
        h7_store64_relaxed(&b.bits[i / 64], word ^ 1ull << i % 64);
        assert_int_equal(check(), -EBADMSG);
        h7_store64_relaxed(&b.bits[i / 64], word);
    }
    h7_store32_relaxed(n_free_word(), 64);
    assert_int_equal(check(), -EBADMSG);
}

/* --- a peer that writes into it ------------------------------------------------------------ */

static void told(int r)
{
    assert_true(r == 0 || r == -EAGAIN || r == -EBADMSG);
}

static uint32_t junk(uint32_t n)
{
    return random_of(4) ? (uint32_t)random_of(n + 2ull) : (uint32_t)random_of(1ull << 32);
}

static void call_all(void)
{
    char why[128];
    uint32_t n = b.n, at = 0, next;
    int r = h7_blocks_take(&b, junk(n), (int)random_of(2), &at);
    told(r);
    assert_true(r != 0 || at < n);
    told(h7_blocks_give(&b, junk(n), junk(n)));
    told(h7_blocks_mark(&b, junk(n), junk(n)));
    at = junk(n);
    uint32_t most = junk(n), run = h7_blocks_run(&b, at, most, &next);
    assert_true(run <= most && (run == 0 || (at < n && run <= n - at)));
    told(h7_blocks_check(&b, why, sizeof why));
}

static void scribble(uint64_t among)
{
    struct h7_a32 *words = mem;
    for (size_t i = 0; i < h7_blocks_len(b.n) / sizeof *words; i++)
        if (random_of(among) == 0)
            h7_store32_relaxed(&words[i], junk(b.n));
}

static void works_again(uint32_t n)
{
    uint32_t at;
    h7_blocks_clear(&b);
    assert_int_equal(h7_blocks_take(&b, n, 1, &at), 0);
    assert_int_equal(h7_blocks_give(&b, at, n), 0);
    assert_int_equal(check(), 0);
}

static void test_scribbled(void **state)
{
    (void)state;
    const uint32_t sizes[] = {1, 2, 31, 32, 33, 63, 64, 65, 100, MANY};
    const uint64_t among[] = {1, 2, 8, 50};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        make(sizes[k]);
        random_state = k;
        for (int i = 0; i < 400; i++) {
            scribble(among[i % 4]);
            for (int c = 0; c < 10; c++)
                call_all();
            if (i % 8 == 0)
                works_again(sizes[k]);
        }
    }
}

static uint32_t stop;

/* The bits flicker, the first ones most, and the rest is as it should be: so calls come far. */
static void *flicker(void *arg)
{
    uint64_t x = 1;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        h7_store64_relaxed(&b.bits[0], x >> 40 & 1 ? 0 : UINT64_MAX);
        h7_store32_relaxed(n_free_word(), b.n);
        h7_store32_relaxed(cursor_word(), x >> 50 & 1 ? 0 : 70);
    }
    return arg;
}

static void test_meddled_with_meanwhile(void **state)
{
    (void)state;
    pthread_t peer;
    make(MANY);
    random_state = 1;
    stop = 0;
    assert_int_equal(pthread_create(&peer, NULL, flicker, NULL), 0);
    for (int i = 0; i < 2000000; i++) {
        uint32_t at, n = 65 + (uint32_t)random_of(100);
        told(h7_blocks_take(&b, n, (int)random_of(4) == 0, &at));
        if (i % 8 == 0)
            h7_blocks_clear(&b);
        if (i % 50 == 0)
            call_all();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(peer, NULL), 0);
    works_again(MANY);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_against_a_model),
        T(test_pieces_where_there_is_no_run),
        T(test_round_and_round),
        T(test_what_is_refused),
        T(test_rings_are_refused),
        T(test_check_tells),
        T(test_scribbled),
        T(test_meddled_with_meanwhile),
    };
    alarm(UNIT_LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
