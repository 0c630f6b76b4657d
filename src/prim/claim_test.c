/* SPDX-License-Identifier: MIT */
/*
 * prim/claim_test.c - who owns it, who may clear it, and how waiting for it ends
 *
 * The guarding lock is left out: each test has its processes take turns.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/self.h"
#include "prim/claim.h"

struct table {
    struct h7_claim claim;
    uint32_t stage;
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
    return munmap(t, sizeof *t);
}

static void test_take_and_drop(void **state)
{
    (void)state;
    assert_false(h7_claim_held(&t->claim));
    assert_false(h7_claim_mine(&t->claim));
    assert_int_equal(h7_claim_check(&t->claim), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(h7_claim_take(&t->claim), 0);
        assert_true(h7_claim_held(&t->claim));
        assert_true(h7_claim_mine(&t->claim));
        assert_int_equal(h7_claim_check(&t->claim), 0);
        assert_int_equal(h7_claim_recover(&t->claim), 0); /* its owner lives */
        h7_claim_drop(&t->claim);
        assert_false(h7_claim_held(&t->claim));
        assert_int_equal(h7_claim_recover(&t->claim), 1);
    }
}

/* Two claims never look the same to a waiter that compares. */
static void test_sequence_number(void **state)
{
    (void)state;
    assert_int_equal(h7_claim_take(&t->claim), 0);
    uint32_t first = h7_load32_relaxed(&t->claim.state);
    h7_claim_drop(&t->claim);
    assert_int_equal(h7_claim_take(&t->claim), 0);
    assert_int_not_equal(h7_load32_relaxed(&t->claim.state), first);
    h7_claim_drop(&t->claim);
    h7_store32_relaxed(&t->claim.n, 0x7fffffff); /* wraps below the flag */
    assert_int_equal(h7_claim_take(&t->claim), 0);
    assert_int_equal(h7_claim_check(&t->claim), 0);
    assert_true(h7_claim_mine(&t->claim));
}

static int claim_and_stay(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_self() && h7_claim_take(&t->claim) == 0);
    unit_say(&t->stage, 1);
    return unit_stay();
}

static pid_t start_owner(void)
{
    pid_t pid = unit_start(claim_and_stay, NULL);
    unit_await(&t->stage, 0);
    return pid;
}

static void test_another_process_owns_it(void **state)
{
    (void)state;
    pid_t pid = start_owner();
    assert_true(h7_claim_held(&t->claim));
    assert_false(h7_claim_mine(&t->claim));
    assert_int_equal(h7_claim_recover(&t->claim), 0);
    kill(pid, SIGSTOP); /* stopped isn't dead */
    assert_int_equal(h7_claim_recover(&t->claim), 0);
    unit_kill(pid);
}

static void test_dead_owner(void **state)
{
    siginfo_t info;
    (void)state;
    pid_t pid = start_owner();
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(h7_claim_check(&t->claim), 0);   /* dead, but consistent */
    assert_int_equal(h7_claim_recover(&t->claim), 1); /* a zombie is dead */
    assert_false(h7_claim_held(&t->claim));
    assert_int_equal(h7_claim_recover(&t->claim), 1); /* twice is as once */
    assert_int_equal(unit_reap(pid), -SIGKILL);
    assert_int_equal(h7_claim_take(&t->claim), 0);
    assert_true(h7_claim_mine(&t->claim));
}

/* The owner's pid lives again, but it is somebody else: the mark tells. */
static void test_reused_pid(void **state)
{
    (void)state;
    pid_t pid = start_owner();
    uint64_t mark = h7_load64_relaxed(&t->claim.mark);
    h7_store64_relaxed(&t->claim.mark, mark ^ 1);
    assert_int_equal(h7_claim_recover(&t->claim), 1);
    unit_kill(pid);

    /* And when it is we who got the dead owner's ids. */
    assert_int_equal(h7_claim_take(&t->claim), 0);
    mark = h7_load64_relaxed(&t->claim.mark);
    h7_store64_relaxed(&t->claim.mark, mark ^ 1);
    assert_false(h7_claim_mine(&t->claim));
    assert_int_equal(h7_claim_recover(&t->claim), 1);
}

static int forked_owner(void *arg)
{
    (void)arg;
    CHILD_CHECK(!h7_claim_mine(&t->claim));
    CHILD_CHECK(h7_claim_recover(&t->claim) == 0);
    return 0;
}

static void test_fork_does_not_inherit(void **state)
{
    (void)state;
    assert_int_equal(h7_claim_take(&t->claim), 0);
    unit_in_child(forked_owner, NULL);
    assert_true(h7_claim_mine(&t->claim));
}

/* A take that was cut short at each of its stores: nothing is claimed, and it can be. */
static void test_death_inside_take(void **state)
{
    (void)state;
    h7_store32_relaxed(&t->claim.n, 7);
    assert_int_equal(h7_claim_check(&t->claim), 0);
    h7_store32_relaxed(&t->claim.tid, 0x3ffffffe);
    h7_store32_relaxed(&t->claim.pid, 0x3ffffffe);
    assert_int_equal(h7_claim_check(&t->claim), 0);
    assert_false(h7_claim_held(&t->claim));
    assert_int_equal(h7_claim_recover(&t->claim), 1);
    assert_int_equal(h7_claim_take(&t->claim), 0);
    assert_int_equal(h7_claim_check(&t->claim), 0);
}

static void *take_in_thread(void *arg)
{
    (void)arg;
    if (!h7_self() || h7_claim_take(&t->claim) != 0)
        return NULL;
    unit_say(&t->stage, 1);
    unit_await(&t->stage, 1);
    return NULL;
}

static void test_owner_is_a_thread(void **state)
{
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_in_thread, NULL), 0);
    unit_await(&t->stage, 0);
    int mine = h7_claim_mine(&t->claim), recovered = h7_claim_recover(&t->claim);
    unit_say(&t->stage, 2);
    pthread_join(thread, NULL);
    assert_false(mine);
    assert_int_equal(recovered, 0);
    /* Nobody else can end what an exited thread began, though its process lives. */
    while (h7_claim_recover(&t->claim) == 0) /* joined is a moment before gone */
        unit_sleep_ms(1);
    assert_false(h7_claim_held(&t->claim));
}

static void test_wait_ends_after_a_tick(void **state)
{
    (void)state;
    pid_t pid = start_owner();
    uint32_t seen = h7_claim_announce(&t->claim);
    assert_int_equal(h7_load32_relaxed(&t->claim.waiters), 1);
    int64_t start = hepta_now_ns();
    assert_int_equal(h7_claim_wait(&t->claim, seen, HEPTA_FOREVER), 0);
    assert_true(hepta_now_ns() - start >= H7_CLAIM_TICK_NS);
    int64_t end = hepta_in_ms(5);
    assert_int_equal(h7_claim_wait(&t->claim, seen, end), 0);
    assert_true(hepta_now_ns() >= end);
    unit_kill(pid);
}

static void test_wait_sees_a_change(void **state)
{
    (void)state;
    assert_int_equal(h7_claim_take(&t->claim), 0);
    uint32_t seen = h7_claim_announce(&t->claim);
    h7_claim_drop(&t->claim);
    assert_int_equal(h7_load32_relaxed(&t->claim.waiters), 0);
    assert_int_equal(h7_claim_wait(&t->claim, seen, HEPTA_FOREVER), 0);
}

static int wait_until_free(void *arg)
{
    int64_t *shortest = arg, start = hepta_now_ns();
    uint32_t seen = h7_claim_announce(&t->claim);
    unit_say(&t->stage, 1);
    while (h7_claim_held(&t->claim)) {
        CHILD_CHECK(h7_claim_wait(&t->claim, seen, HEPTA_FOREVER) == 0);
        seen = h7_claim_announce(&t->claim);
    }
    int64_t took = hepta_now_ns() - start;
    *shortest = h7_earlier(*shortest, took);
    return 0;
}

/* Woken, not found by the tick: then no wait could be shorter than one. */
static void test_drop_wakes(void **state)
{
    int64_t *shortest = unit_shared(sizeof *shortest);
    (void)state;
    *shortest = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(h7_claim_take(&t->claim), 0);
        t->stage = 0;
        pid_t pid = unit_start(wait_until_free, shortest);
        unit_await(&t->stage, 0);
        unit_sleep_ms(5);
        h7_claim_drop(&t->claim);
        assert_int_equal(unit_reap(pid), 0);
    }
    assert_true(*shortest < H7_CLAIM_TICK_NS);
    munmap(shortest, sizeof *shortest);
}

/* The waiter whose owner is killed recovers it after a tick. */
static void test_wait_for_the_dead(void **state)
{
    (void)state;
    pid_t pid = start_owner();
    uint32_t seen = h7_claim_announce(&t->claim);
    unit_kill(pid);
    assert_int_equal(h7_claim_wait(&t->claim, seen, HEPTA_FOREVER), 0);
    assert_int_equal(h7_claim_recover(&t->claim), 1);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int interrupted_wait(void *arg)
{
    struct sigaction sa = {.sa_handler = on_signal};
    (void)arg;
    sigaction(SIGUSR1, &sa, NULL);
    CHILD_CHECK(h7_self() && h7_claim_take(&t->claim) == 0);
    uint32_t seen = h7_claim_announce(&t->claim);
    pid_t pid = unit_fork();
    if (pid == 0)
        for (;;) { /* again and again: one could come before the wait */
            kill(getppid(), SIGUSR1);
            unit_sleep_ms(3);
        }
    int r = 0;
    for (int i = 0; i < 500 && r == 0; i++)
        r = h7_claim_wait(&t->claim, seen, HEPTA_FOREVER);
    kill(pid, SIGKILL);
    unit_reap(pid);
    return r == -EINTR ? 0 : 1;
}

static void test_handler_interrupts(void **state)
{
    (void)state;
    unit_in_child(interrupted_wait, NULL);
}

static void test_corruption(void **state)
{
    (void)state;
    struct h7_claim good;
    assert_int_equal(h7_claim_take(&t->claim), 0);
    good = t->claim;
    h7_store32_relaxed(&t->claim.state, 1); /* C1 */
    assert_int_equal(h7_claim_check(&t->claim), -EBADMSG);
    t->claim = good;
    h7_store32_relaxed(&t->claim.n, 99);
    assert_int_equal(h7_claim_check(&t->claim), -EBADMSG);
    t->claim = good;
    h7_store32_relaxed(&t->claim.tid, 0); /* C2 */
    assert_int_equal(h7_claim_check(&t->claim), -EBADMSG);
    t->claim = good;
    h7_store32_relaxed(&t->claim.pid, 0);
    assert_int_equal(h7_claim_check(&t->claim), -EBADMSG);
    assert_int_equal(h7_claim_recover(&t->claim), 1); /* and nobody waits for it for ever */
}

#define CLAIM_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    CLAIM_TEST(test_take_and_drop),
    CLAIM_TEST(test_sequence_number),
    CLAIM_TEST(test_another_process_owns_it),
    CLAIM_TEST(test_dead_owner),
    CLAIM_TEST(test_reused_pid),
    CLAIM_TEST(test_fork_does_not_inherit),
    CLAIM_TEST(test_death_inside_take),
    CLAIM_TEST(test_owner_is_a_thread),
    CLAIM_TEST(test_wait_ends_after_a_tick),
    CLAIM_TEST(test_wait_sees_a_change),
    CLAIM_TEST(test_drop_wakes),
    CLAIM_TEST(test_wait_for_the_dead),
    CLAIM_TEST(test_handler_interrupts),
    CLAIM_TEST(test_corruption),
};

UNIT_MAIN(tests)
