/* SPDX-License-Identifier: MIT */
/*
 * prim/sleepers_test.c - the table of sleepers: order, who ticks, what the dead leave
 *
 * The guard is this file's own word that nobody else is in here; how queues use the table is tried
 * in queue/store_death_test.c.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include "base/clock.h"
#include "prim/sleepers.h"

#define LONG_MS 900 /* below the second after which everybody looks */

static struct h7_sleepers *t;

static int begin(void **state)
{
    (void)state;
    t = unit_shared(sizeof *t);
    return h7_self_fill();
}

static int end(void **state)
{
    (void)state;
    return munmap(t, sizeof *t);
}

static int enter(int *at, uint32_t rank)
{
    return h7_sleepers_enter(t, at, rank, NULL);
}

static int enter_anew(uint32_t rank)
{
    int at = H7_NO_SLEEPER;
    assert_true(enter(&at, rank) >= 0);
    return at;
}

/* Does it look by itself long before that deadline? */
static int looks(int at)
{
    int64_t start = hepta_now_ns();
    assert_int_equal(h7_sleepers_sleep(t, at, 0, hepta_in_ms(LONG_MS)), 0);
    return hepta_now_ns() - start < LONG_MS * 1000000ll / 2;
}

static void test_order(void **state)
{
    (void)state;
    int a = enter_anew(120), b = enter_anew(120), first = enter_anew(100);
    assert_int_equal(h7_sleepers_next(t, NULL, NULL), first);
    h7_sleepers_call(t, first);
    assert_int_equal(h7_sleepers_next(t, NULL, NULL), a);
    h7_sleepers_call(t, a);
    assert_int_equal(h7_sleepers_next(t, NULL, NULL), b);
    assert_int_equal(enter(&a, 120), 0); /* again: in its old place */
    assert_int_equal(h7_sleepers_next(t, NULL, NULL), a);
    assert_int_equal(h7_sleepers_leave(t, &a), H7_SLEEPER_WAITING);
    assert_int_equal(h7_sleepers_leave(t, &first), H7_SLEEPER_CALLED);
    assert_int_equal(h7_sleepers_leave(t, &b), H7_SLEEPER_WAITING);
    assert_int_equal(h7_sleepers_any(t), 0);
}

static void test_a_call_ends_the_sleep(void **state)
{
    (void)state;
    int at = enter_anew(120);
    h7_sleepers_call(t, at);
    assert_true(looks(at));
}

static void test_only_the_first_sleeps_long(void **state)
{
    (void)state;
    int first = enter_anew(120), second = enter_anew(120);
    assert_false(looks(first));
    assert_true(looks(second));
    h7_sleepers_leave(t, &first);
    enter(&second, 120);
    assert_false(looks(second));
}

/* The first was called, goes, and is killed before it has passed the call on: the second, which had
 * entered behind it, must look by itself, although nobody is in front of it any more. */
static void test_who_entered_behind_ticks(void **state)
{
    (void)state;
    int first = enter_anew(120), second = enter_anew(120);
    h7_sleepers_call(t, first);
    h7_sleepers_leave(t, &first);
    assert_true(looks(second));
}

/* Each record has a bit of its own, the last one too. */
static void test_every_record_ticks_for_itself(void **state)
{
    (void)state;
    int at[H7_SLEEPERS], none = H7_NO_SLEEPER;
    for (int i = 0; i < H7_SLEEPERS; i++)
        at[i] = enter_anew(120);
    assert_int_equal(enter(&none, 120), -EAGAIN);
    assert_int_equal(none, H7_NO_SLEEPER);
    for (int i = 0; i < H7_SLEEPERS - 1; i++)
        h7_sleepers_leave(t, &at[i]);
    assert_true(looks(at[H7_SLEEPERS - 1]));
    enter(&at[H7_SLEEPERS - 1], 120);
    assert_false(looks(at[H7_SLEEPERS - 1]));
}

/* Who isn't called, behind a living one who is, has to wait for its turn. */
static void test_early(void **state)
{
    (void)state;
    int first = enter_anew(120), second = enter_anew(120), third = enter_anew(120);
    assert_false(h7_sleepers_is_early(t, second));
    h7_sleepers_call(t, first);
    assert_false(h7_sleepers_is_early(t, first));
    assert_true(h7_sleepers_is_early(t, second));
    h7_sleepers_call(t, third); /* for what only he wants */
    assert_false(h7_sleepers_is_early(t, third));
    h7_sleepers_leave(t, &first);
    assert_false(h7_sleepers_is_early(t, second));
    assert_false(h7_sleepers_is_early(t, H7_NO_SLEEPER));
}

static int enter_and_die(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_self_fill() == 0);
    return enter_anew(120); /* the first record: 0 */
}

static void test_place_of_the_dead(void **state)
{
    (void)state;
    unit_in_child(enter_and_die, NULL);
    assert_int_equal(h7_sleepers_any(t), 1);
    assert_int_equal(h7_sleepers_dead(t, 0), 1);
    int at = enter_anew(120);
    assert_int_equal(at, 0);
    assert_int_equal(h7_sleepers_dead(t, at), 0);
    assert_int_equal(h7_load32_relaxed(&t->n_waiting), 1);
}

static int enter_first_and_die(void *arg)
{
    int at = H7_NO_SLEEPER;
    (void)arg;
    CHILD_CHECK(h7_self_fill() == 0);
    return enter(&at, 100) == 1 ? 0 : 1;
}

/* The first of another rank is killed before it has called all: the next has to. */
static void test_ranks_said_only_when_all_are_called(void **state)
{
    int at = H7_NO_SLEEPER, third = H7_NO_SLEEPER;
    (void)state;
    int first = enter_anew(120);
    unit_in_child(enter_first_and_die, NULL);
    assert_int_equal(enter(&at, 100), 1);
    assert_true(looks(at)); /* one of rank 90 may come before it */
    h7_sleepers_ranked(t);
    assert_int_equal(enter(&third, 90), 0);
    assert_int_equal(enter(&first, 120), 0);
    assert_true(looks(first));
    assert_true(looks(third));
}

static void test_mend_counts_again(void **state)
{
    (void)state;
    int a = enter_anew(120), b = enter_anew(120);
    h7_sleepers_call(t, a);
    h7_store32_relaxed(&t->n_waiting, 0);
    h7_sleepers_mend(t);
    assert_int_equal(h7_load32_relaxed(&t->n_waiting), 1);
    h7_sleepers_leave(t, &b);
    assert_int_equal(h7_sleepers_any(t), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
static const struct CMUnitTest tests[] = {
    T(test_order),
    T(test_a_call_ends_the_sleep),
    T(test_only_the_first_sleeps_long),
    T(test_who_entered_behind_ticks),
    T(test_every_record_ticks_for_itself),
    T(test_early),
    T(test_place_of_the_dead),
    T(test_ranks_said_only_when_all_are_called),
    T(test_mend_counts_again),
};
UNIT_MAIN(tests)
