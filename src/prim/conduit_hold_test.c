/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_hold_test.c - reserve and commit, peek and release: who is kept out, for
 * how long, and what a death leaves
 */
#define _GNU_SOURCE
#include "prim/conduit_test.h"

#include <pthread.h>

#define CAP     16384
#define LONG_MS 60000

static struct flow f;
static char buf[CAP], got[CAP];

static int open_bytes(void **state)
{
    (void)state;
    flow_open(&f, 0, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int open_packets(void **state)
{
    (void)state;
    flow_open(&f, H7_CONDUIT_PACKET, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int open_spsc(void **state)
{
    (void)state;
    flow_open(&f, H7_CONDUIT_SPSC, CAP, HEPTA_WAIT_ADAPTIVE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_close(&f);
    return 0;
}

static ssize_t put(size_t len)
{
    flow_pattern(buf, len, flow_head(&f));
    return h7_conduit_write(&f.w, buf, len, HEPTA_NOW);
}

static ssize_t get(size_t len)
{
    return h7_conduit_read(&f.r, got, len, HEPTA_NOW);
}

static void reserve(size_t len)
{
    void *p;
    assert_int_equal(h7_conduit_reserve(&f.w, len, &p, HEPTA_NOW), 0);
    flow_pattern(p, len, flow_head(&f));
}

static ssize_t peek(const void **p)
{
    return h7_conduit_peek(&f.r, p, HEPTA_NOW);
}

/* --- reserve and commit ---------------------------------------------------------- */

static void test_commit_publishes(void **state)
{
    (void)state;
    reserve(100);
    assert_int_equal(get(1), -EAGAIN); /* invisible */
    assert_int_equal(h7_conduit_commit(&f.w, 60), 0);
    assert_int_equal(get(CAP), 60);
    assert_true(flow_is_pattern(got, 60, 0));
    reserve(10); /* the other 40 were given back */
    assert_int_equal(h7_conduit_commit(&f.w, 0), 0);
    assert_int_equal(get(1), -EAGAIN);
    assert_int_equal(put(5), 5);
}

static void test_reserve_lengths(void **state)
{
    void *p;
    (void)state;
    const size_t bad[] = {0, CAP + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(h7_conduit_reserve(&f.w, bad[i], &p, HEPTA_NOW), -EINVAL);
    reserve(50);
    assert_int_equal(h7_conduit_commit(&f.w, 51), -EINVAL);
    assert_int_equal(h7_conduit_commit(&f.w, 50), 0);
    assert_int_equal(h7_conduit_commit(&f.w, 1), -EINVAL); /* no reservation any more */
    assert_int_equal(h7_conduit_reserve(&f.w, CAP - 49, &p, HEPTA_NOW), -EAGAIN);
    assert_int_equal(h7_conduit_reserve(&f.w, CAP - 49, &p, hepta_in_ms(8)), -ETIMEDOUT);
    reserve(CAP - 50); /* a failed one holds nothing */
    assert_int_equal(h7_conduit_commit(&f.w, CAP - 50), 0);
    assert_int_equal(get(CAP), CAP);
    assert_true(flow_is_pattern(got, CAP, 0));
}

/* Over the seam, at every place: contiguous for the writer, whole for the reader. */
static void test_reserve_over_the_seam(void **state)
{
    (void)state;
    for (uint64_t before = 0; before < 20; before++) {
        flow_start_at(&f, 4 * CAP - before);
        reserve(5000);
        assert_int_equal(h7_conduit_commit(&f.w, 5000), 0);
        const void *p;
        assert_int_equal(peek(&p), 5000);
        assert_true(flow_is_pattern(p, 5000, 4 * CAP - before));
        assert_int_equal(h7_conduit_release(&f.r, 5000), 0);
    }
}

static void test_one_at_a_time(void **state)
{
    void *p;
    (void)state;
    reserve(10);
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_conduit_write(&f.w, "x", 1, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_conduit_commit(&f.w, 10), 0);
    const void *c;
    assert_int_equal(peek(&c), 10);
    assert_int_equal(h7_conduit_peek(&f.r, &c, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_conduit_read(&f.r, got, 1, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(put(1), 1); /* the other side goes on */
    assert_int_equal(h7_conduit_release(&f.r, 10), 0);
    assert_int_equal(get(5), 1);
}

static void test_spsc_one_at_a_time(void **state)
{
    void *p;
    const void *c;
    (void)state;
    reserve(10);
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_conduit_commit(&f.w, 10), 0);
    assert_int_equal(peek(&c), 10);
    assert_int_equal(h7_conduit_peek(&f.r, &c, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_conduit_release(&f.r, 10), 0);
    assert_int_equal(h7_conduit_release(&f.r, 1), -EINVAL);
}

static int kept_out(void *arg)
{
    void *p;
    (void)arg;
    CHILD_CHECK(h7_conduit_write(&f.w, "x", 1, HEPTA_NOW) == -EAGAIN);
    CHILD_CHECK(h7_conduit_write(&f.w, "x", 1, hepta_in_ms(70)) == -ETIMEDOUT);
    CHILD_CHECK(h7_conduit_reserve(&f.w, 1, &p, HEPTA_NOW) == -EAGAIN);
    CHILD_CHECK(h7_conduit_commit(&f.w, 1) == -EINVAL); /* not this process's */
    h7_conduit_abandon(&f.w);
    CHILD_CHECK(h7_claim_held(&f.w.mine->claim));
    return 0;
}

static void test_others_are_kept_out(void **state)
{
    (void)state;
    reserve(10);
    unit_in_child(kept_out, NULL);
    assert_int_equal(h7_conduit_commit(&f.w, 10), 0);
}

static int write_after_it(void *arg)
{
    (void)arg;
    unit_say(f.stage, 1);
    CHILD_CHECK(h7_conduit_write(&f.w, "x", 1, hepta_in_ms(LONG_MS)) == 1);
    return 0;
}

static void test_commit_lets_the_next_in(void **state)
{
    (void)state;
    reserve(10);
    pid_t pid = unit_start(write_after_it, NULL);
    unit_await(f.stage, 0);
    unit_sleep_ms(10);
    assert_int_equal(h7_conduit_commit(&f.w, 10), 0);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(get(CAP), 11);
    assert_int_equal(got[10], 'x');
}

static int reserve_and_stay(void *arg)
{
    void *p;
    (void)arg;
    CHILD_CHECK(h7_conduit_reserve(&f.w, 4000, &p, HEPTA_NOW) == 0);
    memset(p, 'D', 4000);
    unit_say(f.stage, 1);
    return unit_stay();
}

/* Nothing of the dead is seen, and its place is free again. */
static void test_reservation_of_the_dead(void **state)
{
    (void)state;
    pid_t pid = unit_start(reserve_and_stay, NULL);
    unit_await(f.stage, 0);
    assert_int_equal(put(1), -EAGAIN);
    unit_kill(pid);
    assert_int_equal(put(CAP), CAP);
    assert_int_equal(get(CAP), CAP);
    assert_true(flow_is_pattern(got, CAP, 0));
}

static int free_some(void *arg)
{
    (void)arg;
    flow_forget(&f.w);
    for (int i = 0; i < 8; i++) {
        unit_sleep_ms(3);
        CHILD_CHECK(h7_conduit_read(&f.r, got, CAP / 8, HEPTA_NOW) == CAP / 8);
    }
    return 0;
}

/* More than the bell announces. */
static void test_large_reservation_waits(void **state)
{
    void *p;
    (void)state;
    assert_int_equal(put(CAP), CAP);
    pid_t pid = unit_start(free_some, NULL);
    assert_int_equal(h7_conduit_reserve(&f.w, CAP, &p, hepta_in_ms(LONG_MS)), 0);
    assert_true(flow_tail(&f) == CAP);
    assert_int_equal(h7_conduit_commit(&f.w, 1), 0);
    assert_int_equal(unit_reap(pid), 0);
}

static int reserve_all(void *arg)
{
    void *p;
    (void)arg;
    flow_forget(&f.r);
    unit_say(f.stage, 1);
    CHILD_CHECK(h7_conduit_reserve(&f.w, CAP, &p, hepta_in_ms(LONG_MS)) == -EPIPE);
    CHILD_CHECK(!h7_claim_held(&f.w.mine->claim));
    return 0;
}

static void test_large_reservation_without_reader(void **state)
{
    (void)state;
    assert_int_equal(put(1), 1);
    pid_t pid = unit_start(reserve_all, NULL);
    unit_await(f.stage, 0);
    unit_sleep_ms(20);
    flow_drop(&f, &f.r);
    assert_int_equal(unit_reap(pid), 0);
}

static void test_reader_leaves_during_a_reservation(void **state)
{
    (void)state;
    reserve(10);
    flow_drop(&f, &f.r);
    int r = h7_conduit_commit(&f.w, 10); /* may not know it yet */
    assert_true(r == 0 || r == -EPIPE);
    assert_false(h7_claim_held(&f.w.mine->claim));
    assert_int_equal(h7_conduit_commit(&f.w, 1), -EINVAL);
}

static void *reserve_in_thread(void *arg)
{
    void *p;
    *(int *)arg = h7_conduit_reserve(&f.w, 10, &p, HEPTA_NOW);
    unit_say(f.stage, 1);
    unit_await(f.stage, 1);
    return NULL;
}

/* close() gives back what the handle holds, whichever thread calls it. */
static void test_abandon_by_another_thread(void **state)
{
    pthread_t t;
    int r = -1;
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, reserve_in_thread, &r), 0);
    unit_await(f.stage, 0);
    int not_mine = h7_conduit_commit(&f.w, 10), kept = (int)put(1);
    h7_conduit_abandon(&f.w);
    int held = h7_claim_held(&f.w.mine->claim);
    unit_say(f.stage, 2);
    pthread_join(t, NULL);
    assert_int_equal(r, 0);
    assert_int_equal(not_mine, -EINVAL);
    assert_int_equal(kept, -EAGAIN);
    assert_false(held);
    assert_int_equal(put(1), 1);
}

static void test_packet_reservation(void **state)
{
    void *p;
    const void *c;
    (void)state;
    assert_int_equal(h7_conduit_reserve(&f.w, 4097, &p, HEPTA_NOW), -EINVAL);
    for (size_t len = 1; len <= 4096; len = len * 3 + 5) {
        assert_int_equal(h7_conduit_reserve(&f.w, 4096, &p, HEPTA_NOW), 0);
        flow_pattern(p, len, len);
        assert_int_equal(h7_conduit_commit(&f.w, len), 0);
        assert_int_equal(peek(&c), len);
        assert_true(flow_is_pattern(c, len, len));
        assert_int_equal(h7_conduit_release(&f.r, 1), 0); /* the whole packet */
        assert_int_equal(peek(&c), -EAGAIN);
    }
}

/* --- peek and release ------------------------------------------------------------ */

static void test_peek_and_release(void **state)
{
    const void *p;
    (void)state;
    assert_int_equal(peek(&p), -EAGAIN);
    assert_int_equal(put(100), 100);
    assert_int_equal(peek(&p), 100);
    assert_int_equal(h7_conduit_release(&f.r, 101), -EINVAL);
    assert_int_equal(h7_conduit_release(&f.r, 0), 0); /* leaves all */
    assert_int_equal(peek(&p), 100);
    assert_int_equal(h7_conduit_release(&f.r, 30), 0);
    assert_int_equal(peek(&p), 70);
    assert_true(flow_is_pattern(p, 70, 30));
    assert_int_equal(h7_conduit_release(&f.r, 70), 0);
    assert_int_equal(h7_conduit_release(&f.r, 0), -EINVAL);
    assert_int_equal(peek(&p), -EAGAIN);
    assert_int_equal(h7_conduit_peek(&f.r, &p, hepta_in_ms(8)), -ETIMEDOUT);
}

/* The writer fills up behind a peek, and never overwrites it. */
static void test_peeked_bytes_stay_put(void **state)
{
    const void *p;
    (void)state;
    assert_int_equal(put(CAP - 100), CAP - 100);
    assert_int_equal(peek(&p), CAP - 100);
    assert_int_equal(put(100), 100);
    assert_int_equal(put(1), -EAGAIN);
    assert_true(flow_is_pattern(p, CAP - 100, 0));
    assert_int_equal(h7_conduit_release(&f.r, CAP - 100), 0);
    assert_int_equal(put(CAP - 100), CAP - 100);
}

static void test_peek_at_the_end(void **state)
{
    const void *p;
    (void)state;
    assert_int_equal(put(3), 3);
    flow_drop(&f, &f.w);
    assert_int_equal(peek(&p), 3);
    assert_int_equal(h7_conduit_release(&f.r, 3), 0);
    assert_int_equal(peek(&p), 0);
    assert_int_equal(h7_conduit_peek(&f.r, &p, HEPTA_FOREVER), 0);
    assert_false(h7_claim_held(&f.r.mine->claim)); /* nothing to release */
}

static int peek_and_stay(void *arg)
{
    const void *p;
    (void)arg;
    CHILD_CHECK(h7_conduit_peek(&f.r, &p, HEPTA_NOW) == 100);
    unit_say(f.stage, 1);
    return unit_stay();
}

static void test_peek_of_the_dead(void **state)
{
    (void)state;
    assert_int_equal(put(100), 100);
    pid_t pid = unit_start(peek_and_stay, NULL);
    unit_await(f.stage, 0);
    assert_int_equal(get(1), -EAGAIN);
    unit_kill(pid);
    assert_int_equal(get(CAP), 100); /* left for the next reader */
    assert_true(flow_is_pattern(got, 100, 0));
}

/* Killed while another sleeps for it: the tick finds out. */
static int read_after_it(void *arg)
{
    (void)arg;
    unit_say(f.stage, 2);
    CHILD_CHECK(h7_conduit_read(&f.r, got, 200, hepta_in_ms(LONG_MS)) == 100);
    return 0;
}

static void test_death_while_another_waits(void **state)
{
    (void)state;
    assert_int_equal(put(100), 100);
    pid_t owner = unit_start(peek_and_stay, NULL);
    unit_await(f.stage, 0);
    pid_t next = unit_start(read_after_it, NULL);
    unit_await(f.stage, 1);
    unit_sleep_ms(10);
    int64_t start = hepta_now_ns();
    unit_kill(owner);
    assert_int_equal(unit_reap(next), 0);
    assert_true(hepta_now_ns() - start < (LONG_MS - 10000) * H7_MS);
}

#define BYTES_TEST(fn)  cmocka_unit_test_setup_teardown(fn, open_bytes, tear_down)
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_packets, tear_down)
#define SPSC_TEST(fn)                               \
    {                                               \
#fn "_spsc", fn, open_spsc, tear_down, NULL \
    }

static const struct CMUnitTest tests[] = {
    BYTES_TEST(test_commit_publishes),
    BYTES_TEST(test_reserve_lengths),
    BYTES_TEST(test_reserve_over_the_seam),
    BYTES_TEST(test_one_at_a_time),
    SPSC_TEST(test_spsc_one_at_a_time),
    BYTES_TEST(test_others_are_kept_out),
    BYTES_TEST(test_commit_lets_the_next_in),
    BYTES_TEST(test_reservation_of_the_dead),
    BYTES_TEST(test_large_reservation_waits),
    BYTES_TEST(test_large_reservation_without_reader),
    BYTES_TEST(test_reader_leaves_during_a_reservation),
    BYTES_TEST(test_abandon_by_another_thread),
    PACKET_TEST(test_packet_reservation),
    BYTES_TEST(test_peek_and_release),
    BYTES_TEST(test_peeked_bytes_stay_put),
    BYTES_TEST(test_peek_at_the_end),
    BYTES_TEST(test_peek_of_the_dead),
    BYTES_TEST(test_death_while_another_waits),
    SPSC_TEST(test_commit_publishes),
    SPSC_TEST(test_reserve_lengths),
    SPSC_TEST(test_reserve_over_the_seam),
    SPSC_TEST(test_large_reservation_waits),
    SPSC_TEST(test_peek_and_release),
    SPSC_TEST(test_peeked_bytes_stay_put),
    SPSC_TEST(test_peek_at_the_end),
};

UNIT_MAIN(tests)
