/* SPDX-License-Identifier: MIT */
/*
 * queue/store_test.c - the store alone: order, both ways of keeping bytes, claims. The rooms' tests
 * and tests/crash go further.
 */
#define _GNU_SOURCE
#include "queue/store_test.h"

static void test_order(void **state)
{
    (void)state;
    begin(8, 64, H7_PLAN_CELLS | H7_PLAN_BY_AGE, 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(put(i % 3, i), 0);
    assert_int_equal(put(0, 9), -EAGAIN);
    check();
    assert_int_equal(get(H7_PICK_NTH, 5), 5);
    assert_int_equal(get(H7_PICK_KEY, 1), 1);
    assert_int_equal(get(H7_PICK_NOT_KEY, 0), 2);
    assert_int_equal(get(H7_PICK_UP_TO, 7), 0);
    assert_int_equal(get(H7_PICK_OLDEST, 0), 3);
    assert_int_equal(get(H7_PICK_FIRST, 0), 6);
    assert_int_equal(get(H7_PICK_UP_TO, 0), -EAGAIN);
    assert_int_equal(get(H7_PICK_FIRST, 0), 4);
    assert_int_equal(get(H7_PICK_FIRST, 0), 7);
    assert_int_equal(get(H7_PICK_FIRST, 0), -EAGAIN);
    end();
}

static void test_many_rounds(void **state)
{
    (void)state;
    begin(5, 64, H7_PLAN_CELLS, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(put(0, i), 0);
        assert_int_equal(put(0, i + 1), 0);
        assert_int_equal(get(H7_PICK_FIRST, 0), i);
        assert_int_equal(get(H7_PICK_FIRST, 0), i + 1);
    }
    end();
}

static void test_bytes(uint32_t flags, uint64_t budget)
{
    static const size_t lens[] = {0, 1, 72, 73, 255, 256, 257, 1000, 65536, 65537, 200000};
    begin(16, 200000, flags, budget);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
            send_text(lens[i], (char)('a' + i), 0);
        check();
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
            take_text(lens[i], (char)('a' + i));
        check();
    }
    end();
}

static void test_cells(void **state)
{
    (void)state;
    test_bytes(H7_PLAN_CELLS, 0);
}

static void test_blocks(void **state)
{
    (void)state;
    test_bytes(0, 400000);
}

/* The budget is the limit, exactly, and what was freed can be had again. */
static void test_short_budget(void **state)
{
    (void)state;
    begin(16, 1024, 0, 2048);
    for (int round = 0; round < 20; round++) {
        send_text(1024, 'x', 0);
        send_text(700, 'y', 0);
        send_text(512, 'z', -EAGAIN);
        send_text(256, 'z', 0);
        send_text(73, 'z', -EAGAIN);
        send_text(72, 'w', 0);
        take_text(1024, 'x');
        send_text(1024, 'v', 0);
        take_text(700, 'y');
        take_text(256, 'z');
        take_text(72, 'w');
        take_text(1024, 'v');
    }
    end();
}

static void test_lease_returns_to_its_place(void **state)
{
    struct h7_take t = {.pick = H7_PICK_FIRST, .flags = H7_TAKE_LEASE};
    uint32_t value;
    (void)state;
    begin(8, 64, H7_PLAN_CELLS, 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(put(1, i), 0);
    t.buf = &value;
    t.len = sizeof value;
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(t.deliveries, 1);
    check();
    assert_int_equal(get(H7_PICK_FIRST, 0), 1);
    uint64_t lease = t.lease;
    assert_int_equal(h7_store_give_back(&store, lease), 0);
    assert_int_equal(h7_store_give_back(&store, lease), -ESRCH);
    assert_int_equal(h7_store_take(&store, &t, HEPTA_NOW), sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(t.deliveries, 2);
    assert_int_equal(h7_store_ack(&store, lease), -ESRCH);
    assert_int_equal(h7_store_ack(&store, t.lease), 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), 2);
    assert_int_equal(get(H7_PICK_FIRST, 0), 3);
    end();
}

static void test_reserve(void **state)
{
    uint32_t slot[2];
    void *ptr[2];
    (void)state;
    begin(2, 1000, H7_PLAN_CELLS, 0);
    assert_int_equal(h7_store_reserve(&store, 1000, &slot[0], &ptr[0], HEPTA_NOW), 0);
    assert_int_equal(h7_store_reserve(&store, 4, &slot[1], &ptr[1], HEPTA_NOW), 0);
    assert_int_equal(put(0, 1), -EAGAIN);
    uint32_t value = 3, found;
    memcpy(ptr[1], &value, sizeof value);
    assert_int_equal(h7_store_reserved_at(&store, ptr[1], &found), 0);
    assert_int_equal(found, slot[1]);
    assert_int_equal(h7_store_commit(&store, slot[1], 0, 4), 0);
    assert_int_equal(h7_store_commit(&store, slot[1], 0, 4), -ESRCH);
    assert_int_equal(get(H7_PICK_FIRST, 0), 3);
    assert_int_equal(h7_store_cancel(&store, slot[0]), 0);
    assert_int_equal(put(0, 1), 0);
    assert_int_equal(put(0, 2), 0);
    assert_int_equal(get(H7_PICK_FIRST, 0), 1);
    assert_int_equal(get(H7_PICK_FIRST, 0), 2);
    end();
}

static int n_told;
static struct h7_a32 wanted;
static void tell_it(struct h7_store *st)
{
    (void)st;
    n_told++;
}

/* Who is told is told of a message: not of a commit that is refused. */
static void test_refused_commit_tells_nobody(void **state)
{
    uint32_t slot;
    void *ptr;
    (void)state;
    begin(4, 64, H7_PLAN_CELLS, 0);
    store.notify = tell_it;
    store.notify_wanted = &wanted;
    h7_store32_relaxed(&wanted, 1);
    assert_int_equal(h7_store_reserve(&store, 8, &slot, &ptr, HEPTA_NOW), 0);
    assert_int_equal(h7_store_commit(&store, slot, 0, 9), -EMSGSIZE);
    assert_int_equal(n_told, 0);
    assert_int_equal(h7_store_commit(&store, slot, 0, 8), 0);
    assert_int_equal(n_told, 1);
    h7_store32_relaxed(&wanted, 0);
    end();
}

/* What several large ones find allowed while they are being filled, only the first gets. */
static void test_allowed_when_sent(void **state)
{
    uint32_t slot[2];
    void *ptr;
    (void)state;
    begin(8, 1000, 0, 4000);
    h7_store64_relaxed(&store.shared->qbytes, 1000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(h7_store_reserve(&store, 600, &slot[i], &ptr, HEPTA_NOW), 0);
    assert_int_equal(h7_store_commit(&store, slot[0], 1, 600), 0);
    assert_int_equal(h7_store_commit(&store, slot[1], 1, 600), -EAGAIN);
    assert_int_equal(h7_store_bytes(&store), 600);
    take_text(600, 0);
    assert_int_equal(h7_store_commit(&store, slot[1], 1, 600), 0);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_order),
    NAMES_TEST(test_many_rounds),
    NAMES_TEST(test_cells),
    NAMES_TEST(test_blocks),
    NAMES_TEST(test_short_budget),
    NAMES_TEST(test_lease_returns_to_its_place),
    NAMES_TEST(test_reserve),
    NAMES_TEST(test_refused_commit_tells_nobody),
    NAMES_TEST(test_allowed_when_sent),
};

NAMES_MAIN(tests)
