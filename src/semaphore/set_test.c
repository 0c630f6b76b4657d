/* SPDX-License-Identifier: MIT */
/*
 * semaphore/set_test.c - the set alone: what semop(2) says of arrays and semctl(2) of values, and
 * what a peer may write. Sleepers are in set_wait_test.c, undo and deaths in set_undo_test.c; the
 * rooms' tests and tests/crash go further.
 */
#define _GNU_SOURCE
#include "semaphore/set_test.h"

/* --- arrays ------------------------------------------------------------------------------ */

static void test_one(void **state)
{
    (void)state;
    begin(3);
    assert_int_equal(try1(1, -1), -EAGAIN);
    assert_int_equal(try1(1, 0), 0);
    assert_int_equal(try1(1, 5), 0);
    assert_int_equal(try1(1, 0), -EAGAIN);
    assert_int_equal(try1(1, -6), -EAGAIN);
    assert_int_equal(try1(1, -5), 0);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(try1(2, 32767), 0);
    assert_int_equal(try1(2, 1), -ERANGE);
    assert_int_equal(value_of(2), 32767);
    assert_int_equal(try1(3, 1), -EFBIG);
    end();
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(ARRAY({0, 2, 0}, {1, 3, 0}), 0);
    assert_int_equal(ARRAY({0, -2, 0}, {1, -4, 0}), -EAGAIN);
    assert_int_equal(value_of(0), 2);
    assert_int_equal(value_of(1), 3);
    assert_int_equal(ARRAY({0, -2, 0}, {1, 32767, 0}), -ERANGE);
    assert_int_equal(value_of(0), 2);
    assert_int_equal(ARRAY({0, -2, 0}, {0, 0, 0}, {0, 7, 0}, {1, -3, 0}), 0);
    assert_int_equal(value_of(0), 7);
    assert_int_equal(value_of(1), 0);
    /* In this order: what comes later doesn't help what comes before. */
    assert_int_equal(ARRAY({2, -1, 0}, {2, 1, 0}), -EAGAIN);
    assert_int_equal(ARRAY({2, 1, 0}, {2, -1, 0}), 0);
    assert_int_equal(ARRAY({2, 32767, 0}, {2, 1, 0}, {2, -1, 0}), -ERANGE);
    /* A wait before an error, an error before a wait. */
    assert_int_equal(ARRAY({2, -1, 0}, {0, 32767, 0}), -EAGAIN);
    assert_int_equal(ARRAY({0, 32767, 0}, {2, -1, 0}), -ERANGE);
    assert_int_equal(array(NULL, 0), -EINVAL);
    assert_int_equal(ARRAY({0, 1, 0}, {4, 1, 0}), -EFBIG);
    assert_int_equal(value_of(0), 7);
    end();
}

static void test_large_arrays(void **state)
{
    struct sembuf ops[H7_SET_OPS_MAX + 1];
    (void)state;
    begin(500);
    for (uint32_t i = 0; i <= H7_SET_OPS_MAX; i++)
        ops[i] = (struct sembuf){(unsigned short)(i % 500), (short)(i % 7), SEM_UNDO};
    assert_int_equal(array(ops, H7_SET_OPS_MAX + 1), -E2BIG);
    assert_int_equal(array(ops, H7_SET_OPS_MAX), 0);
    for (uint32_t i = 0; i < H7_SET_OPS_MAX; i++)
        assert_int_equal(value_of(i), i % 7);
    check();
    for (uint32_t i = 0; i < H7_SET_OPS_MAX; i++)
        ops[i] = (struct sembuf){(unsigned short)(i % 2 ? 64 : 128), 1, SEM_UNDO};
    assert_int_equal(array(ops, H7_SET_OPS_MAX), 0);
    assert_int_equal(value_of(64), 250 + 64 % 7);
    assert_int_equal(value_of(128), 250 + 128 % 7);
    end();
}

static void test_stamps(void **state)
{
    struct h7_set_look look;
    (void)state;
    begin(3);
    assert_int_equal(h7_set_look(&set, 0, &look), 0);
    assert_int_equal(look.pid, 0);
    assert_true(h7_load64_relaxed(&set.hot->otime) == 0);
    assert_int_equal(ARRAY({0, 0, 0}, {1, 1, 0}), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(h7_set_look(&set, i, &look), 0);
        assert_int_equal(look.pid, i < 2 ? getpid() : 0);
    }
    uint64_t now = (uint64_t)time(NULL);
    assert_true(h7_load64_relaxed(&set.hot->otime) <= now + 1);
    assert_true(h7_load64_relaxed(&set.hot->otime) + 100 > now);
    assert_int_equal(h7_set_look(&set, 3, &look), -EINVAL);
    end();
}

static void test_set_values(void **state)
{
    unsigned short values[3] = {1, 32767, 3}, got[3] = {0};
    (void)state;
    begin(3);
    assert_int_equal(h7_set_set(&set, 0, values, 3), 0);
    assert_int_equal(h7_set_get_all(&set, got), 0);
    assert_memory_equal(values, got, sizeof got);
    values[1] = 32768;
    assert_int_equal(h7_set_set(&set, 0, values, 3), -ERANGE);
    assert_int_equal(h7_set_set(&set, 1, values, 3), -EINVAL);
    assert_int_equal(h7_set_get_all(&set, got), 0);
    assert_int_equal(got[1], 32767);
    assert_true(h7_load64_relaxed(&set.shared->ctime) > 0);
    end();
}

/* A large set: nothing is too far away, SETALL included. */
static void test_large_set(void **state)
{
    unsigned short *values = malloc(H7_SET_SEMS_MAX * sizeof *values);
    (void)state;
    begin(H7_SET_SEMS_MAX);
    for (uint32_t i = 0; i < H7_SET_SEMS_MAX; i++)
        values[i] = (unsigned short)i;
    assert_int_equal(h7_set_set(&set, 0, values, H7_SET_SEMS_MAX), 0);
    assert_int_equal(op1(31999, -31999, SEM_UNDO), 0);
    assert_int_equal(h7_set_get_all(&set, values), 0);
    assert_int_equal(values[31998], 31998);
    assert_int_equal(values[31999], 0);
    free(values);
    end();
}

/* --- what a peer may write ------------------------------------------------------------------ */

static void test_hostile_values(void **state)
{
    (void)state;
    begin(2);
    alarm(20);
    h7_store32_relaxed(&set.hot->sem[0].value, 0x80000000u);
    assert_int_equal(try1(0, 1), -EBADMSG);
    assert_int_equal(value_of(0), -EBADMSG);
    h7_store32_relaxed(&set.hot->sem[0].value, 0);
    h7_store32_relaxed(&set.hot->sem[0].pid, UINT32_MAX); /* GETPID would give a negative errno */
    assert_int_equal(value_of(0), -EBADMSG);
    h7_store32_relaxed(&set.hot->sem[0].pid, 0);
    h7_store32_relaxed(&set.shared->high, UINT32_MAX);
    h7_store32_relaxed(&set.hot->rows, UINT32_MAX);
    assert_int_equal(op1(0, 1, SEM_UNDO), 0);
    h7_store32_relaxed(&set.hot->flags, H7_SET_DIRTY);
    h7_store32_relaxed(&set.log->count, UINT32_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store32_relaxed(&set.log->count, 1);
    h7_store64_relaxed(&set.log->entry[0], UINT64_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store32_relaxed(&set.log->count, 0);
    h7_store64_relaxed(&set.hot->intent, UINT64_MAX);
    assert_int_equal(try1(0, 1), -EBADMSG);
    h7_store64_relaxed(&set.hot->intent, 0);
    assert_int_equal(try1(0, 1), 0);
    h7_store32_relaxed(&set.shared->high, 1);
    alarm(0);
    end();
}

static void test_impossible_plan(void **state)
{
    struct h7_set_plan plan;
    struct h7_set other;
    (void)state;
    assert_int_equal(h7_set_plan(&plan, 0, 1, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 32001, 1, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 0, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 4097, 0, 0), 0);
    assert_int_equal(h7_set_plan(&plan, 1, 1, 0, 32768), 0);
    begin(2);
    set.shared->plan.n = 20000;
    assert_int_equal(h7_name_attach(KIND, "/s", attach_it, &other), -EBADMSG);
    set.shared->plan.n = 2;
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_one),
    NAMES_TEST(test_all_or_nothing),
    NAMES_TEST(test_large_arrays),
    NAMES_TEST(test_stamps),
    NAMES_TEST(test_set_values),
    NAMES_TEST(test_large_set),
    NAMES_TEST(test_hostile_values),
    NAMES_TEST(test_impossible_plan),
};

NAMES_MAIN(tests)
