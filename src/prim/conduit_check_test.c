/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_check_test.c - the invariant check finds each corruption that is planted,
 * says where, and finds nothing in a healthy conduit
 */
#define _GNU_SOURCE
#include "prim/conduit_test.h"

#define CAP 8192

static struct flow f;
static char why[128];

static int open_packets(void **state)
{
    (void)state;
    flow_open(&f, H7_CONDUIT_PACKET, CAP, HEPTA_WAIT_ADAPTIVE);
    f.corrupt = 1;
    for (size_t len = 1; len <= 1000; len += 333)
        assert_int_equal(h7_conduit_write(&f.w, (char[1000]){0}, len, HEPTA_NOW), len);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_close(&f);
    return 0;
}

static int check(void)
{
    memset(why, 0, sizeof why);
    int r = h7_conduit_check(&f.r, why, sizeof why);
    assert_int_equal(h7_conduit_check(&f.w, why, sizeof why), r); /* either side sees it */
    assert_true(r == 0 || why[0] != 0);
    return r;
}

static struct h7_packet *first_packet(void)
{
    return (struct h7_packet *)h7_ring_at(&f.r.ring, flow_tail(&f));
}

static void test_healthy(void **state)
{
    char buf[1000];
    (void)state;
    assert_int_equal(check(), 0);
    assert_string_equal(why, "");
    while (h7_conduit_read(&f.r, buf, sizeof buf, HEPTA_NOW) > 0)
        assert_int_equal(check(), 0);
    assert_int_equal(h7_conduit_read(&f.r, buf, 1, hepta_in_ms(8)), -ETIMEDOUT);
    assert_int_equal(check(), 0);
}

static void test_healthy_while_held(void **state)
{
    void *p;
    const void *c;
    (void)state;
    assert_int_equal(h7_conduit_reserve(&f.w, 10, &p, HEPTA_NOW), 0);
    assert_true(h7_conduit_peek(&f.r, &c, HEPTA_NOW) > 0);
    assert_int_equal(check(), 0);
}

static void test_counters(void **state)
{
    const uint64_t head = flow_head(&f);
    const uint64_t bad[] = {CAP + 8, UINT64_MAX, 1ull << 63};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h7_store64_relaxed(&f.w.ring.shared->head, bad[i]);
        assert_int_equal(check(), -EBADMSG);
    }
    h7_store64_relaxed(&f.w.ring.shared->head, head);
    h7_store64_relaxed(&f.w.ring.shared->tail, head + 8);
    assert_int_equal(check(), -EBADMSG);
}

/* Each field of a side, on both sides. */
static void test_sides(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct h7_conduit_side *s = &f.w.shared->side[i], good = *s;
        struct h7_a32 *words[] = {&s->bell.want, &s->claim.state, &s->asym};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            h7_store32_relaxed(words[k], 2);
            assert_int_equal(check(), -EBADMSG);
            assert_non_null(strstr(why, i == H7_WRITER ? "writers'" : "readers'"));
            *s = good;
        }
        h7_store64_relaxed(&s->own, h7_load64_relaxed(&s->own) + 8);
        assert_int_equal(check(), -EBADMSG);
        h7_store32_relaxed(&s->lock.word, H7_LOCK_OWNER_DIED); /* D4: the next one mends it */
        assert_int_equal(check(), 0);
        *s = good;
        assert_int_equal(check(), 0);
    }
}

static void test_packet_headers(void **state)
{
    struct h7_packet *p = first_packet(), good = *p;
    const uint32_t bad[] = {0, 4097, UINT32_MAX, 0x80000000u, 3000};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h7_store32_relaxed(&p->len, bad[i]);
        h7_store32_relaxed(&p->check, ~bad[i]); /* the last one leads beyond head */
        assert_int_equal(check(), -EBADMSG);
    }
    *p = good;
    h7_store32_relaxed(&p->check, ~good.check.raw);
    assert_int_equal(check(), -EBADMSG);
    *p = good;
    assert_int_equal(check(), 0);
}

static void test_packet_chain(void **state)
{
    uint64_t head = flow_head(&f), tail = flow_tail(&f);
    (void)state;
    h7_store64_relaxed(&f.w.ring.shared->head, head - 8); /* ends inside a packet */
    assert_int_equal(check(), -EBADMSG);
    h7_store64_relaxed(&f.w.ring.shared->head, head + 8); /* goes on into nothing */
    assert_int_equal(check(), -EBADMSG);
    h7_store64_relaxed(&f.w.ring.shared->head, head);
    h7_store64_relaxed(&f.w.ring.shared->tail, tail + 8); /* begins inside one */
    assert_int_equal(check(), -EBADMSG);
    h7_store64_relaxed(&f.w.ring.shared->tail, tail + 3);
    assert_int_equal(check(), -EBADMSG);
}

/* The verbs find the same: an answer, never a wait or a read beyond the ring. */
static void test_reader_of_bad_packets(void **state)
{
    char buf[8];
    const void *c;
    const uint32_t bad[] = {0, 4097, UINT32_MAX, 3000};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h7_store32_relaxed(&first_packet()->len, bad[i]);
        h7_store32_relaxed(&first_packet()->check, ~bad[i]);
        assert_int_equal(h7_conduit_read(&f.r, buf, sizeof buf, HEPTA_FOREVER), -EBADMSG);
        assert_int_equal(h7_conduit_peek(&f.r, &c, HEPTA_FOREVER), -EBADMSG);
    }
    assert_int_equal(flow_tail(&f), 0);
}

static void test_init(void **state)
{
    struct h7_conduit c;
    const uint64_t bad[] = {0, 2048, 4096, 12288, CAP + 1};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) /* 4096: no packet of PIPE_BUF */
        assert_int_equal(
            h7_conduit_init(&c, f.w.shared, H7_READER, H7_CONDUIT_PACKET, f.seg.data, bad[i]),
            -EBADMSG);
    assert_int_equal(h7_conduit_init(&c, f.w.shared, H7_READER, 0, f.seg.data, 4096), 0);
    assert_int_equal(h7_conduit_init(&c, f.w.shared, H7_READER, 0, f.seg.data, 2048), -EBADMSG);
}

#define CHECK_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_packets, tear_down)

static const struct CMUnitTest tests[] = {
    CHECK_TEST(test_healthy),
    CHECK_TEST(test_healthy_while_held),
    CHECK_TEST(test_counters),
    CHECK_TEST(test_sides),
    CHECK_TEST(test_packet_headers),
    CHECK_TEST(test_packet_chain),
    CHECK_TEST(test_reader_of_bad_packets),
    CHECK_TEST(test_init),
};

UNIT_MAIN(tests)
