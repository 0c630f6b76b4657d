/* SPDX-License-Identifier: MIT */
/* prim/ring_test.c - the counters' arithmetic, at the edges and with a peer that lies */
#include "base/unit_test.h"

#include "prim/ring.h"

#define CAP 64

struct fixture {
    struct h7_ring_shared shared;
    struct h7_ring ring;
    char data[2 * CAP];
};

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    *state = &f;
    return h7_ring_init(&f.ring, &f.shared, f.data, CAP);
}

static void place(struct fixture *f, uint64_t tail, uint64_t head)
{
    h7_store64_relaxed(&f->shared.tail, tail);
    h7_store64_relaxed(&f->shared.head, head);
}

static void test_init_wants_a_power_of_two(void **state)
{
    struct fixture *f = *state;
    const uint64_t bad[] = {0, 3, 63, 65, 96, UINT64_MAX, (1ull << 63) + 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(h7_ring_init(&f->ring, &f->shared, f->data, bad[i]), -EBADMSG);
    assert_int_equal(h7_ring_init(&f->ring, &f->shared, f->data, 1), 0);
    assert_int_equal(h7_ring_init(&f->ring, &f->shared, f->data, 1ull << 26), 0);
}

static void test_counters_sit_apart(void **state)
{
    (void)state;
    assert_true(offsetof(struct h7_ring_shared, tail) % H7_APART == 0);
    assert_true(offsetof(struct h7_ring_shared, tail) >= H7_APART);
    assert_true(sizeof(struct h7_ring_shared) % H7_APART == 0);
}

static void test_empty_full_and_between(void **state)
{
    struct fixture *f = *state;
    uint64_t used, n_free;
    for (uint64_t n = 0; n <= CAP; n++) {
        place(f, 1000, 1000 + n);
        assert_int_equal(h7_ring_used(&f->ring, 1000, &used), 0);
        assert_int_equal(h7_ring_free(&f->ring, 1000 + n, &n_free), 0);
        assert_true(used == n && n_free == CAP - n);
        assert_int_equal(h7_ring_check(&f->ring), 0);
    }
}

static void test_publish_and_consume(void **state)
{
    struct fixture *f = *state;
    uint64_t used, n_free;
    h7_ring_publish(&f->ring, 40);
    assert_int_equal(h7_ring_used(&f->ring, 0, &used), 0);
    assert_true(used == 40);
    h7_ring_consume(&f->ring, 15);
    assert_int_equal(h7_ring_free(&f->ring, 40, &n_free), 0);
    assert_true(n_free == CAP - 25);
}

/* Whatever the counter says, the address stays inside. */
static void test_offsets_are_masked(void **state)
{
    struct fixture *f = *state;
    const uint64_t at[] = {0, 1, CAP - 1, CAP, CAP + 1, 1ull << 63, UINT64_MAX, UINT64_MAX - CAP};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char *p = h7_ring_at(&f->ring, at[i]);
        assert_true(p >= f->data && p < f->data + CAP);
        assert_true(p == f->data + at[i] % CAP);
    }
}

static void test_lies_are_found(void **state)
{
    struct fixture *f = *state;
    uint64_t n;
    const uint64_t heads[] = {1000 + CAP + 1, 999, 0, UINT64_MAX, 1000 + (1ull << 63)};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        place(f, 1000, heads[i]);
        assert_int_equal(h7_ring_used(&f->ring, 1000, &n), -EBADMSG);
        assert_int_equal(h7_ring_free(&f->ring, heads[i], &n), -EBADMSG);
        assert_int_equal(h7_ring_check(&f->ring), -EBADMSG);
    }
}

/* 2^64 bytes never go through, but a peer may say so: distances are right all the same. */
static void test_counters_near_the_end(void **state)
{
    struct fixture *f = *state;
    uint64_t used;
    place(f, UINT64_MAX - 10, 20); /* 31 apart, modulo 2^64 */
    assert_int_equal(h7_ring_used(&f->ring, UINT64_MAX - 10, &used), 0);
    assert_true(used == 31);
    assert_int_equal(h7_ring_check(&f->ring), -EBADMSG); /* R1: head below tail */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_init_wants_a_power_of_two, set_up),
    cmocka_unit_test_setup(test_counters_sit_apart, set_up),
    cmocka_unit_test_setup(test_empty_full_and_between, set_up),
    cmocka_unit_test_setup(test_publish_and_consume, set_up),
    cmocka_unit_test_setup(test_offsets_are_masked, set_up),
    cmocka_unit_test_setup(test_lies_are_found, set_up),
    cmocka_unit_test_setup(test_counters_near_the_end, set_up),
};

UNIT_MAIN(tests)
