/* SPDX-License-Identifier: MIT */
/* base/clock_test.c - deadlines never turn into one of the two special values */
#include "base/unit_test.h"

#include "base/clock.h"

static void test_now_moves_forward(void **state)
{
    (void)state;
    int64_t a = hepta_now_ns();
    unit_sleep_ms(2);
    int64_t b = hepta_now_ns();
    assert_true(a > 0);
    assert_true(b - a >= 2 * H7_MS);
}

static void test_tick_follows_the_clock(void **state)
{
    (void)state;
    int64_t first = h7_clock_tick();
    assert_true(first <= hepta_now_ns());
    while (h7_clock_tick() == first)
        unit_sleep_ms(1);
    assert_true(h7_clock_tick() > first);
}

static void test_units(void **state)
{
    (void)state;
    int64_t before = hepta_now_ns();
    int64_t ns = hepta_in_ns(7000000), us = hepta_in_us(7000), ms = hepta_in_ms(7);
    int64_t after = hepta_now_ns();
    assert_in_range(ns - 7000000, before, after);
    assert_in_range(us - 7000000, before, after);
    assert_in_range(ms - 7000000, before, after);
}

static void test_zero_and_less_have_passed(void **state)
{
    (void)state;
    assert_true(hepta_in_ns(0) <= hepta_now_ns());
    assert_true(hepta_in_ms(-1) < hepta_now_ns());
    assert_true(hepta_in_ms(-1) > HEPTA_NOW);
}

/* Saturated, never wrapped, and never one of the special values. */
static void test_extremes(void **state)
{
    (void)state;
    int64_t (*const in[])(int64_t) = {hepta_in_ns, hepta_in_us, hepta_in_ms};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        assert_true(in[i](INT64_MAX) == HEPTA_FOREVER - 1);
        assert_true(in[i](INT64_MIN) == HEPTA_NOW + 1);
    }
    /* Exactly between: the sum would be HEPTA_NOW, or HEPTA_FOREVER a moment later. */
    assert_true(hepta_in_ns(-hepta_now_ns()) > HEPTA_NOW);
    assert_true(hepta_in_ns(INT64_MAX - hepta_now_ns()) < HEPTA_FOREVER);
}

static void test_small_ones(void **state)
{
    (void)state;
    struct timespec ts = h7_timespec(3 * (int64_t)1000000000 + 5);
    assert_int_equal(ts.tv_sec, 3);
    assert_int_equal(ts.tv_nsec, 5);
    assert_int_equal(h7_expired(HEPTA_NOW), -EAGAIN);
    assert_int_equal(h7_expired(1), -ETIMEDOUT);
    assert_int_equal(h7_expired(H7_EXPIRED), -EAGAIN);
    assert_true(h7_earlier(HEPTA_FOREVER, 5) == 5);
}

/* A caller's deadline never looks like the mark that verbs use among themselves. */
static void test_callers_deadlines(void **state)
{
    (void)state;
    assert_true(h7_deadline(H7_EXPIRED) == 1);
    assert_true(h7_deadline(-5) == 1);
    assert_true(h7_deadline(HEPTA_NOW) == HEPTA_NOW);
    assert_true(h7_deadline(77) == 77);
    assert_true(h7_deadline(HEPTA_FOREVER) == HEPTA_FOREVER);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_now_moves_forward),
    cmocka_unit_test(test_tick_follows_the_clock),
    cmocka_unit_test(test_units),
    cmocka_unit_test(test_zero_and_less_have_passed),
    cmocka_unit_test(test_extremes),
    cmocka_unit_test(test_small_ones),
    cmocka_unit_test(test_callers_deadlines),
};

UNIT_MAIN(tests)
