/* SPDX-License-Identifier: MIT */
/*
 * prim/lock_test.c - mutual exclusion, deadlines, and every way in which a holder can die
 *
 * Two processes share a struct table; the child says in `stage` how far it has come.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>

#include "base/clock.h"
#include "prim/lock.h"

struct table {
    struct h7_lock lock;
    uint32_t stage;
    uint64_t count; /* plain: only the lock protects it */
};

static struct table *t;

static int set_up(void **state)
{
    (void)state;
    t = unit_shared(sizeof *t);
    return h7_self() ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int pending = h7_self()->head->pending != NULL; /* whatever happened: not left behind */
    h7_self()->head->pending = NULL;
    return munmap(t, sizeof *t) != 0 || pending;
}

static uint32_t word(void)
{
    return h7_load32_relaxed(&t->lock.word);
}

static void test_take_and_give_back(void **state)
{
    (void)state;
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), 0);
    assert_int_equal(word(), getpid());
    assert_true(h7_lock_mine(&t->lock));
    assert_non_null(h7_self()->head->pending);
    h7_unlock(&t->lock);
    assert_int_equal(word(), 0);
    assert_false(h7_lock_mine(&t->lock));
    assert_null(h7_self()->head->pending);
}

static void test_one_lock_at_a_time(void **state)
{
    struct h7_lock other = {{0}};
    (void)state;
    assert_int_equal(h7_lock(&t->lock, HEPTA_FOREVER), 0);
    assert_int_equal(h7_lock(&t->lock, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_lock(&other, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(h7_load32_relaxed(&other.word), 0);
    h7_unlock(&t->lock);
    assert_int_equal(h7_lock(&other, HEPTA_NOW), 0);
    h7_unlock(&other);
}

/* It says that we hold it, and we know that we don't. */
static void test_own_id_in_a_foreign_lock(void **state)
{
    (void)state;
    const int64_t deadlines[] = {HEPTA_NOW, HEPTA_FOREVER, 1};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        h7_store32_relaxed(&t->lock.word, (uint32_t)getpid() | (i ? H7_LOCK_WAITERS : 0));
        assert_int_equal(h7_lock(&t->lock, deadlines[i]), -EBADMSG);
        assert_null(h7_self()->head->pending);
    }
}

static int hold(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_lock(&t->lock, HEPTA_FOREVER) == 0);
    unit_say(&t->stage, 1);
    return unit_stay();
}

static pid_t start_holder(int (*fn)(void *))
{
    pid_t pid = unit_start(fn, NULL);
    unit_await(&t->stage, 0);
    return pid;
}

static void test_deadlines_with_a_living_holder(void **state)
{
    (void)state;
    pid_t pid = start_holder(hold);
    int64_t start = hepta_now_ns();
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), -EAGAIN);
    assert_true(hepta_now_ns() - start >= H7_LOCK_GRACE_NS);
    int64_t end = hepta_in_ms(120); /* over two ticks: the holder lives, they change nothing */
    assert_int_equal(h7_lock(&t->lock, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_lock(&t->lock, 1), -ETIMEDOUT);
    assert_int_equal(word() & H7_LOCK_TID, pid);
    assert_null(h7_self()->head->pending);
    unit_kill(pid);
}

static void test_stopped_holder(void **state)
{
    (void)state;
    pid_t pid = start_holder(hold);
    kill(pid, SIGSTOP);
    assert_int_equal(h7_lock(&t->lock, hepta_in_ms(80)), -ETIMEDOUT);
    unit_kill(pid);
}

static void test_killed_holder(void **state)
{
    (void)state;
    unit_kill(start_holder(hold));
    assert_int_equal(word() & ~H7_LOCK_WAITERS, H7_LOCK_OWNER_DIED); /* the kernel's work */
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), -EOWNERDEAD);
    assert_true(h7_lock_mine(&t->lock));
    h7_unlock(&t->lock);
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), 0); /* clean again */
    h7_unlock(&t->lock);
}

static int wait_for_it(void *arg)
{
    (void)arg;
    int r = h7_lock(&t->lock, HEPTA_FOREVER);
    CHILD_CHECK(r == 0 || r == -EOWNERDEAD);
    if (r == -EOWNERDEAD)
        __atomic_add_fetch(&t->stage, 1, __ATOMIC_RELAXED);
    t->count++;
    h7_unlock(&t->lock);
    return 0;
}

/* One is told of the death, all others come after it. */
static void test_killed_while_others_sleep(void **state)
{
    pid_t waiter[3];
    (void)state;
    pid_t pid = start_holder(hold);
    for (int i = 0; i < 3; i++)
        waiter[i] = unit_start(wait_for_it, NULL);
    while (!(word() & H7_LOCK_WAITERS))
        unit_sleep_ms(1);
    unit_kill(pid);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(waiter[i]), 0);
    assert_int_equal(t->stage, 1 + 1);
    assert_true(t->count == 3);
    assert_int_equal(word(), 0);
}

/* What a signal handler does that takes a robust pthread mutex: the pending word is gone. */
static int hold_and_lose_pending(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_lock(&t->lock, HEPTA_FOREVER) == 0);
    h7_self()->head->pending = NULL;
    unit_say(&t->stage, 1);
    return unit_stay();
}

static void test_lost_pending(void **state)
{
    const int64_t far = hepta_in_ms(60000);
    (void)state;
    pid_t pid = start_holder(hold_and_lose_pending);
    unit_kill(pid);
    assert_int_equal(word() & H7_LOCK_TID, pid); /* nobody told the word */
    assert_int_equal(h7_lock(&t->lock, far), -EOWNERDEAD);
    assert_true(hepta_now_ns() < far);
    h7_unlock(&t->lock);
    assert_int_equal(word(), 0);
}

/* Also where the time is shorter than a tick. */
static void test_lost_pending_and_no_time(void **state)
{
    const int64_t deadlines[] = {HEPTA_NOW, 1, HEPTA_FOREVER};
    (void)state;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        t->stage = 0;
        unit_kill(start_holder(hold_and_lose_pending));
        assert_int_equal(h7_lock(&t->lock, deadlines[i]), -EOWNERDEAD);
        h7_unlock(&t->lock);
    }
}

/* C1: dies between "pending" and the compare-and-swap. Another's word isn't touched. */
static int pend_and_stay(void *arg)
{
    (void)arg;
    h7_lock_pend(h7_self(), &t->lock);
    unit_say(&t->stage, 1);
    return unit_stay();
}

static void test_death_before_the_word(void **state)
{
    (void)state;
    pid_t pid = start_holder(pend_and_stay);
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), 0);
    unit_kill(pid);
    assert_int_equal(word() & H7_LOCK_TID, getpid());
    h7_unlock(&t->lock);
    assert_int_equal(h7_lock(&t->lock, HEPTA_NOW), 0);
    h7_unlock(&t->lock);
}

/* C3: given back, and killed before the wake-up. The kernel, or a tick, wakes the next. */
static int give_back_silently(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_lock(&t->lock, HEPTA_FOREVER) == 0);
    unit_say(&t->stage, 1);
    while (!(word() & H7_LOCK_WAITERS))
        unit_sleep_ms(1);
    unit_sleep_ms(5);
    h7_swap32_release(&t->lock.word, 0);
    raise(SIGKILL);
    return 0;
}

static void test_death_before_the_wake_up(void **state)
{
    (void)state;
    pid_t pid = start_holder(give_back_silently);
    assert_int_equal(h7_lock(&t->lock, hepta_in_ms(60000)), 0);
    h7_unlock(&t->lock);
    assert_int_equal(unit_reap(pid), -SIGKILL);
}

#define N_WAKES 10

/* How long each wait took, in us. */
static int wait_and_measure(void *arg)
{
    uint32_t *us = arg;
    for (int i = 0; i < N_WAKES; i++) {
        unit_await(&t->stage, (uint32_t)(2 * i));
        int64_t start = hepta_now_ns();
        CHILD_CHECK(h7_lock(&t->lock, HEPTA_FOREVER) == 0);
        us[i] = (uint32_t)((hepta_now_ns() - start) / 1000) + 1;
        /* Who slept can't know whether others do, and has to say that they may. */
        CHILD_CHECK(h7_load32_relaxed(&t->lock.word) & H7_LOCK_WAITERS);
        h7_unlock(&t->lock);
        unit_say(&t->stage, (uint32_t)(2 * i + 2));
    }
    return 0;
}

/* Woken, not found by the tick: then no wait could be shorter than one. */
static void test_unlock_wakes(void **state)
{
    uint32_t *us = unit_shared(N_WAKES * sizeof *us), least = UINT32_MAX;
    (void)state;
    pid_t pid = unit_start(wait_and_measure, us);
    for (uint32_t i = 0; i < N_WAKES; i++) {
        assert_int_equal(h7_lock(&t->lock, HEPTA_FOREVER), 0);
        unit_say(&t->stage, 2 * i + 1);
        while (!(word() & H7_LOCK_WAITERS))
            unit_sleep_ms(1);
        unit_sleep_ms(2);
        h7_unlock(&t->lock);
        unit_await(&t->stage, 2 * i + 1);
        least = us[i] < least ? us[i] : least;
    }
    assert_int_equal(unit_reap(pid), 0);
    assert_true(least < H7_LOCK_TICK_NS / 1000);
    munmap(us, N_WAKES * sizeof *us);
}

#define N_ROUNDS 3000

static int count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        CHILD_CHECK(h7_lock(&t->lock, HEPTA_FOREVER) == 0);
        t->count++;
        h7_unlock(&t->lock);
    }
    return 0;
}

static void test_four_processes_count(void **state)
{
    pid_t pid[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        pid[i] = unit_start(count_up, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(unit_reap(pid[i]), 0);
    assert_true(t->count == 4 * N_ROUNDS);
    assert_int_equal(word(), 0);
}

static void *count_in_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        if (h7_lock(&t->lock, HEPTA_FOREVER) != 0)
            return "not locked";
        t->count++;
        h7_unlock(&t->lock);
    }
    return NULL;
}

static void test_threads_count(void **state)
{
    pthread_t thread[3];
    void *wrong;
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_in_thread, NULL), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
    assert_true(t->count == 3 * N_ROUNDS);
}

static void *hold_and_exit(void *arg)
{
    *(int *)arg = h7_lock(&t->lock, HEPTA_FOREVER);
    return NULL;
}

/* A thread's end is a death as well. The word is in shared memory, so the kernel has
 * written it by the time that another thread's wait ends. */
static void test_thread_that_ends_inside(void **state)
{
    pthread_t thread;
    int r = -1;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, hold_and_exit, &r), 0);
    pthread_join(thread, NULL);
    assert_int_equal(r, 0);
    assert_int_equal(h7_lock(&t->lock, HEPTA_FOREVER), -EOWNERDEAD);
    h7_unlock(&t->lock);
}

/* The child of a process whose other thread holds it waits like anybody else. */
static int forked_beside_the_holder(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_lock(&t->lock, hepta_in_ms(5)) == -ETIMEDOUT);
    CHILD_CHECK(!h7_lock_mine(&t->lock));
    return unit_leave(0);
}

static void *hold_a_while(void *arg)
{
    (void)arg;
    if (h7_lock(&t->lock, HEPTA_FOREVER) != 0)
        return "not locked";
    unit_say(&t->stage, 1);
    unit_await(&t->stage, 1);
    h7_unlock(&t->lock);
    return NULL;
}

static int use_after_fork(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_lock(&t->lock, HEPTA_NOW) == 0);
    CHILD_CHECK(word() == (uint32_t)getpid());
    h7_unlock(&t->lock);
    return 0;
}

static void test_fork(void **state)
{
    pthread_t thread;
    void *wrong;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, hold_a_while, NULL), 0);
    unit_await(&t->stage, 0);
    int status = unit_reap(unit_start(forked_beside_the_holder, NULL));
    unit_say(&t->stage, 2);
    pthread_join(thread, &wrong);
    assert_null(wrong);
    assert_int_equal(status, -SIGKILL);
    unit_in_child(use_after_fork, NULL);
}

/* Whatever a peer writes there: an answer, and by the deadline. */
static void test_scribbled_words(void **state)
{
    const uint32_t words[] = {
        H7_LOCK_WAITERS, H7_LOCK_OWNER_DIED, H7_LOCK_TID, UINT32_MAX, 0x7fffffff, 1, 0xc0000000u};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        h7_store32_relaxed(&t->lock.word, words[i]);
        int r = h7_lock(&t->lock, hepta_in_ms(20));
        if (r == 0 || r == -EOWNERDEAD)
            h7_unlock(&t->lock);
        else
            assert_int_equal(r, -ETIMEDOUT);
        assert_null(h7_self()->head->pending);
    }
}

#define LOCK_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    LOCK_TEST(test_take_and_give_back),
    LOCK_TEST(test_one_lock_at_a_time),
    LOCK_TEST(test_own_id_in_a_foreign_lock),
    LOCK_TEST(test_deadlines_with_a_living_holder),
    LOCK_TEST(test_stopped_holder),
    LOCK_TEST(test_killed_holder),
    LOCK_TEST(test_killed_while_others_sleep),
    LOCK_TEST(test_lost_pending),
    LOCK_TEST(test_lost_pending_and_no_time),
    LOCK_TEST(test_death_before_the_word),
    LOCK_TEST(test_death_before_the_wake_up),
    LOCK_TEST(test_unlock_wakes),
    LOCK_TEST(test_four_processes_count),
    LOCK_TEST(test_threads_count),
    LOCK_TEST(test_thread_that_ends_inside),
    LOCK_TEST(test_fork),
    LOCK_TEST(test_scribbled_words),
};

UNIT_MAIN(tests)
