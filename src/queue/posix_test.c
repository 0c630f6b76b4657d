/* SPDX-License-Identifier: MIT */
/*
 * queue/posix_test.c - what only the inside of a POSIX queue's handle shows: the plan that the
 * options lead to, copies of peeked messages that lie in pieces, what close gives back and what it
 * leaves alone. What the verbs promise: tests/conformance; limits: limits_test.c.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include "queue/posix_internal.h"

#define BOTH (HEPTA_MQ_READ | HEPTA_MQ_WRITE)

static struct hepta_mq *open_q(uint32_t flags, const struct hepta_mq_options *opt)
{
    struct hepta_mq *mq;
    assert_int_equal(hepta_mq_open(&mq, "/q", flags, 0600, opt), 0);
    return mq;
}

static struct hepta_mq *make(uint32_t n, uint32_t size, uint64_t budget)
{
    const struct hepta_mq_options o = {
        .size = sizeof o, .msgs_max = n, .msg_max = size, .budget = budget};
    return open_q(BOTH | HEPTA_MQ_CREATE | HEPTA_MQ_EXCL, &o);
}

static void check(struct hepta_mq *mq)
{
    char why[128] = "";
    int r = h7_store_check(&mq->store, why, sizeof why);
    if (r < 0)
        print_error("check: %s\n", why);
    assert_int_equal(r, 0);
}

static void end(struct hepta_mq *mq)
{
    check(mq);
    assert_null(hepta_mq_close(mq));
    assert_int_equal(hepta_mq_unlink("/q"), 0);
    assert_int_equal(names_count(""), 0);
}

static struct hepta_mq_stat stat_of(struct hepta_mq *mq)
{
    struct hepta_mq_stat st;
    assert_int_equal(hepta_mq_stat(mq, &st, sizeof st), 0);
    return st;
}

/* --- plan ------------------------------------------------------------------------------ */

static void plan_is(uint32_t n, uint32_t size, uint64_t budget, uint32_t flags, uint64_t becomes)
{
    struct hepta_mq *mq = make(n, size, budget);
    assert_int_equal(mq->store.plan.flags & H7_PLAN_CELLS, flags);
    assert_true(stat_of(mq).budget >= becomes);
    end(mq);
}

static void test_cells_or_blocks(void **state)
{
    (void)state;
    plan_is(10, 1000, 0, H7_PLAN_CELLS, 10000);
    plan_is(10, 1000, 10000, H7_PLAN_CELLS, 10000);
    plan_is(10, 1000, 9999, 0, 9999);
    plan_is(10, 1000, 1000, 0, 1000);
    plan_is(1u << 16, 1u << 16, 0, 0, HEPTA_MQ_BUDGET_DEFAULT);
    plan_is(2, HEPTA_MQ_MSG_MAX, HEPTA_MQ_MSG_MAX, 0, HEPTA_MQ_MSG_MAX);
}

/* All of them race for the name: one makes it, and every message is in the one queue. */
static int open_and_send(void *arg)
{
    struct hepta_mq *mq;
    unit_await(arg, 0);
    CHILD_CHECK(hepta_mq_open(&mq, "/q", BOTH | HEPTA_MQ_CREATE, 0600, NULL) == 0);
    CHILD_CHECK(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW) == 0);
    hepta_mq_close(mq);
    return 0;
}

static void test_one_maker(void **state)
{
    enum { N = 6 };
    pid_t pids[N];
    uint32_t *go = unit_shared(sizeof *go);
    (void)state;
    for (int i = 0; i < N; i++)
        pids[i] = unit_start(open_and_send, go);
    unit_say(go, 1);
    for (int i = 0; i < N; i++)
        assert_int_equal(unit_reap(pids[i]), 0);
    munmap(go, sizeof *go);
    struct hepta_mq *mq = open_q(BOTH, NULL);
    assert_int_equal(stat_of(mq).msgs, N);
    end(mq);
}

/* --- pieces of a peek ------------------------------------------------------------------- */

#define LONG 2048 /* two holes of the queue that in_pieces() leaves */

static char text[LONG], got[LONG];

/* A queue whose next message, of LONG bytes, lies in pieces. */
static struct hepta_mq *in_pieces(void)
{
    struct hepta_mq *mq = make(16, LONG, 8192);
    for (unsigned i = 0; i < LONG; i++)
        text[i] = (char)(i * 131 >> 3);
    for (uint32_t i = 0; i < 8; i++) /* every second one goes: holes of 1 KiB */
        assert_int_equal(hepta_mq_send(mq, text, 1024, i % 2, HEPTA_NOW), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hepta_mq_receive(mq, got, LONG, NULL, HEPTA_NOW), 1024);
    assert_int_equal(hepta_mq_send(mq, text, LONG, 9, HEPTA_NOW), 0);
    return mq;
}

static int lies_in(const struct hepta_mq *mq, const char *p)
{
    const struct h7_segment *seg = &mq->store.seg;
    return p >= seg->data && p < seg->data + seg->data_len;
}

static uint64_t peek(struct hepta_mq *mq, const void **ptr)
{
    struct hepta_mq_info info;
    assert_int_equal(hepta_mq_peek(mq, ptr, &info, HEPTA_NOW), LONG);
    assert_int_equal(info.len, LONG);
    assert_memory_equal(*ptr, text, LONG);
    return info.lease;
}

static void test_pieces(void **state)
{
    struct hepta_mq *mq = in_pieces();
    const void *ptr;
    (void)state;
    uint64_t lease = peek(mq, &ptr);
    assert_non_null(mq->copies);
    assert_false(lies_in(mq, ptr));
    assert_int_equal(hepta_mq_ack(mq, lease + 1), -ESRCH); /* no such one: the copy stays */
    assert_memory_equal(ptr, text, LONG);
    assert_int_equal(hepta_mq_give_back(mq, lease), 0);
    assert_null(mq->copies);
    lease = peek(mq, &ptr);
    assert_int_equal(hepta_mq_ack(mq, lease), 0);
    assert_null(mq->copies);
    assert_int_equal(hepta_mq_ack(mq, lease), -ESRCH);
    end(mq);
}

/* One that lies in a row is shown where it is, also where others lie in pieces. */
static void test_one_piece(void **state)
{
    struct hepta_mq *mq = in_pieces();
    struct hepta_mq_info info;
    const void *whole, *ptr;
    (void)state;
    uint64_t lease = peek(mq, &ptr);
    assert_int_equal(hepta_mq_peek(mq, &whole, &info, HEPTA_NOW), 1024);
    assert_true(lies_in(mq, whole));
    assert_int_equal(hepta_mq_ack(mq, info.lease), 0);
    assert_memory_equal(ptr, text, LONG); /* the other one's copy is untouched */
    assert_int_equal(hepta_mq_ack(mq, lease), 0);
    end(mq);
}

static void test_close_drops_copies(void **state)
{
    struct hepta_mq *mq = in_pieces(), *second = open_q(BOTH, NULL);
    const void *ptr;
    (void)state;
    peek(second, &ptr);
    hepta_mq_close(second); /* a leak of the copy is for ASan to see */
    assert_int_equal(stat_of(mq).leased, 0);
    uint64_t lease = peek(mq, &ptr);
    assert_int_equal(hepta_mq_ack(mq, lease), 0);
    end(mq);
}

/* --- close ------------------------------------------------------------------------------ */

static uint64_t lease(struct hepta_mq *mq)
{
    struct hepta_mq_info info;
    char buf[64];
    assert_int_equal(hepta_mq_lease(mq, buf, sizeof buf, &info, HEPTA_NOW), 1);
    return info.lease;
}

/* Four messages; one leased and one place reserved through each of two handles. */
static void test_close_ends_its_own(void **state)
{
    struct hepta_mq *mq = make(8, 64, 0), *second = open_q(BOTH, NULL);
    void *place, *other;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW), 0);
    uint64_t kept = lease(mq);
    lease(second);
    assert_int_equal(hepta_mq_reserve(mq, 64, &place, HEPTA_NOW), 0);
    assert_int_equal(hepta_mq_reserve(second, 64, &other, HEPTA_NOW), 0);
    assert_int_equal(stat_of(mq).leased, 2);
    assert_int_equal(stat_of(mq).reserved, 2);
    hepta_mq_close(second);
    assert_int_equal(stat_of(mq).leased, 1);
    assert_int_equal(stat_of(mq).reserved, 1);
    assert_int_equal(stat_of(mq).msgs, 3);
    assert_int_equal(hepta_mq_ack(mq, kept), 0);
    assert_int_equal(hepta_mq_commit(mq, place, 64, 0), 0);
    assert_int_equal(stat_of(mq).msgs, 4);
    end(mq);
}

static int close_in_child(void *arg)
{
    struct hepta_mq *mq = arg;
    hepta_mq_close(mq);
    return 0;
}

static void test_child_gives_nothing_back(void **state)
{
    struct hepta_mq *mq = make(8, 64, 0);
    void *place;
    (void)state;
    assert_int_equal(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW), 0);
    uint64_t mine = lease(mq);
    assert_int_equal(hepta_mq_reserve(mq, 64, &place, HEPTA_NOW), 0);
    unit_in_child(close_in_child, mq);
    assert_int_equal(stat_of(mq).leased, 1);
    assert_int_equal(stat_of(mq).reserved, 1);
    assert_int_equal(hepta_mq_cancel(mq, place), 0);
    assert_int_equal(hepta_mq_ack(mq, mine), 0);
    end(mq);
}

/* PIDs mean something else there: every verb says so, and close still closes. */
static int in_another_pidns(struct hepta_mq *mq)
{
    struct hepta_mq_stat st;
    char buf[64];
    int n = names_count_in("/proc/self/fd", "");
    CHILD_CHECK(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW) == -EXDEV);
    CHILD_CHECK(hepta_mq_receive(mq, buf, sizeof buf, NULL, HEPTA_NOW) == -EXDEV);
    CHILD_CHECK(hepta_mq_notify(mq, NULL) == -EXDEV);
    CHILD_CHECK(hepta_mq_stat(mq, &st, sizeof st) == -EXDEV);
    hepta_mq_close(mq);
    CHILD_CHECK(names_count_in("/proc/self/fd", "") < n);
    return 0;
}

static int across_pidns(void *arg)
{
    const struct hepta_mq_options o = {.size = sizeof o, .msgs_max = 4, .msg_max = 64};
    struct hepta_mq *mq;
    struct hepta_mq_info info;
    struct hepta_mq_stat st;
    char buf[64];
    (void)arg;
    CHILD_CHECK(hepta_mq_open(&mq, "/q", BOTH | HEPTA_MQ_CREATE, 0600, &o) == 0);
    CHILD_CHECK(hepta_mq_send(mq, "m", 1, 0, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_mq_lease(mq, buf, sizeof buf, &info, HEPTA_NOW) == 1);
    if (unshare(CLONE_NEWPID) != 0)
        return UNIT_SKIP;
    pid_t pid = fork(); /* not unit_fork(): the parent has no pid there */
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(in_another_pidns(mq));
    }
    CHILD_CHECK(unit_reap(pid) == 0);
    CHILD_CHECK(hepta_mq_stat(mq, &st, sizeof st) == 0 && st.leased == 1);
    CHILD_CHECK(hepta_mq_ack(mq, info.lease) == 0);
    hepta_mq_close(mq);
    return 0;
}

static void test_another_pidns(void **state)
{
    (void)state;
    unit_in_child(across_pidns, NULL);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_cells_or_blocks),
    NAMES_TEST(test_one_maker),
    NAMES_TEST(test_pieces),
    NAMES_TEST(test_one_piece),
    NAMES_TEST(test_close_drops_copies),
    NAMES_TEST(test_close_ends_its_own),
    NAMES_TEST(test_child_gives_nothing_back),
    NAMES_TEST(test_another_pidns),
};
NAMES_MAIN(tests)
