/* SPDX-License-Identifier: MIT */
/* semaphore/permit_hold_test.c - who holds a permit, deaths, and the descriptor */
#define _GNU_SOURCE
#include "semaphore/permit_test.h"

/* --- deaths --------------------------------------------------------------------------------- */

static void test_death_of_a_holder(void **state)
{
    struct holder *h = unit_shared(sizeof *h);
    struct hepta_permit_user users[4];
    (void)state;
    begin(3);
    int64_t before = hepta_now_ns();
    pid_t holder = start_holder(h, 2);
    assert_int_equal(try_take(), 0);
    pid_t waiter = unit_start(take_forever, NULL);
    while (h7_load32_relaxed(&permit->set.sleepers->n_waiting) != 1)
        unit_sleep_ms(1);
    assert_int_equal(hepta_permit_users(permit, HEPTA_PERMIT_HOLD, users, 4), 2);
    int i = users[0].pid == holder ? 0 : 1;
    assert_int_equal(users[i].pid, holder);
    assert_int_equal(users[i].places, 2);
    assert_int_equal(users[i].tid, 0);
    assert_in_range(users[i].since_ns, before - 20 * H7_MS, hepta_now_ns());
    assert_int_equal(users[!i].pid, getpid());
    assert_int_equal(users[!i].places, 1);
    assert_int_equal(hepta_permit_users(permit, HEPTA_PERMIT_WAIT, users, 4), 1);
    assert_int_equal(users[0].pid, waiter);
    assert_int_equal(users[0].tid, waiter);
    assert_in_range(users[0].since_ns, before, hepta_now_ns());
    assert_int_equal(hepta_permit_users(permit, HEPTA_PERMIT_HOLD, NULL, 0), 2);
    assert_int_equal(hepta_permit_users(permit, HEPTA_PERMIT_HOLD, NULL, 1), -EFAULT);
    assert_int_equal(hepta_permit_users(permit, 3, users, 4), -EINVAL);
    check();
    unit_kill(holder);
    assert_int_equal(unit_reap(waiter), 7);
    struct hepta_permit_stat st = stat_now();
    assert_int_equal(st.free, 2); /* the waiter's, too: it has exited */
    assert_int_equal(st.recovered, 3);
    assert_int_equal(st.holders, 1);
    assert_int_equal(st.waiters, 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    end();
}

static void test_close_is_no_death(void **state)
{
    struct hepta_permit *other;
    (void)state;
    begin(3);
    assert_int_equal(try_take(), 0);
    assert_int_equal(try_take(), 0);
    assert_int_equal(hepta_permit_close(permit), 0);
    assert_int_equal(hepta_permit_open("/p", 0, 0, 0, NULL, &other), 0);
    permit = other;
    assert_int_equal(stat_now().free, 3);
    assert_int_equal(stat_now().recovered, 0);
    end();
}

static int child_holds_nothing(void *arg)
{
    (void)arg;
    CHILD_CHECK(hepta_permit_give(permit) == -EPERM);
    CHILD_CHECK(hepta_permit_take(permit, HEPTA_NOW) == -EAGAIN);
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(try_take(), 0);
    unit_in_child(child_holds_nothing, NULL);
    assert_int_equal(hepta_permit_give(permit), 0);
    end();
}

static int take_two(void *arg)
{
    (void)arg;
    CHILD_CHECK(try_take() == -ENOSPC);
    return 0;
}

static void test_too_many_holders(void **state)
{
    struct holder *h = unit_shared(sizeof *h);
    (void)state;
    begin_with(5, 1);
    pid_t pid = start_holder(h, 1);
    unit_in_child(take_two, NULL);
    unit_kill(pid);
    assert_int_equal(try_take(), 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    end();
}

/* --- the descriptor -------------------------------------------------------------------------- */

static void test_descriptor(void **state)
{
    struct holder *h = unit_shared(sizeof *h);
    (void)state;
    begin(2);
    int fd = hepta_permit_fd(permit);
    assert_true(fd >= 0);
    assert_int_equal(hepta_permit_fd(permit), fd);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(try_take(), 0);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(try_take(), 0);
    assert_int_equal(try_take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 0), 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(is_readable(fd, 0), 1);
    pid_t pid = start_holder(h, 1);
    assert_int_equal(try_take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 0), 0);
    unit_kill(pid);
    assert_int_equal(is_readable(fd, 1000), 1);
    for (int i = 0; i < 200 && try_take() != 0; i++) /* the alarm can be a little early */
        assert_int_equal(is_readable(fd, 1000), 1);
    assert_int_equal(stat_now().free, 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(hepta_permit_give(permit), 0);
    end();
}

/* Who sleeps and who polls, both. */
static void test_descriptor_and_sleeper(void **state)
{
    (void)state;
    begin(1);
    int fd = hepta_permit_fd(permit);
    assert_int_equal(try_take(), 0);
    assert_int_equal(try_take(), -EAGAIN);
    pid_t pid = unit_start(take_forever, NULL);
    while (h7_load32_relaxed(&permit->set.sleepers->n_waiting) != 1)
        unit_sleep_ms(1);
    assert_int_equal(hepta_permit_give(permit), 0);
    assert_int_equal(unit_reap(pid), 7);
    assert_int_equal(is_readable(fd, 1000), 1);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_death_of_a_holder),
    NAMES_TEST(test_close_is_no_death),
    NAMES_TEST(test_fork),
    NAMES_TEST(test_too_many_holders),
    NAMES_TEST(test_descriptor),
    NAMES_TEST(test_descriptor_and_sleeper),
};

NAMES_MAIN(tests)
