/* SPDX-License-Identifier: MIT */
/* semaphore/set_wait_test.c - who sleeps on a set, in which order, and who is called */
#define _GNU_SOURCE
#include "semaphore/set_test.h"

#include <pthread.h>

/* --- sleeping ---------------------------------------------------------------------------- */

static void test_order(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[3];
    (void)state;
    begin(1);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try1(0, 1), 0);
        assert_int_equal(unit_reap(pid[i]), i + 1);
    }
    end();
}

/* One commit is enough for several; for as many as there is something for. */
static void test_several_at_once(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[4];
    (void)state;
    begin(1);
    for (int i = 0; i < 4; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(try1(0, 3), 0);
    for (int i = 0; i < 3; i++)
        assert_in_range(unit_reap(pid[i]), 1, 3);
    unit_sleep_ms(20);
    assert_int_equal(n_waiting(), 1);
    set_to(0, 1);
    assert_int_equal(unit_reap(pid[3]), 4);
    assert_int_equal(value_of(0), 0);
    end();
}

/* The first wants more than there is: the second needn't wait for him. */
static void test_small_one_passes(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper large = {.ops = {{0, -5, 0}}, .n = 1, .turn = turn};
    struct sleeper small = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(1);
    pid_t first = start_sleeper(&large), second = start_sleeper(&small);
    assert_int_equal(try1(0, 2), 0);
    assert_int_equal(unit_reap(second), 1);
    assert_int_equal(try1(0, 4), 0);
    assert_int_equal(unit_reap(first), 2);
    assert_int_equal(value_of(0), 0);
    end();
}

static void test_zero_waiters(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, 0, 0}}, .n = 1, .turn = turn};
    struct h7_set_look look;
    pid_t pid[3];
    (void)state;
    begin(2);
    assert_int_equal(try1(0, 2), 0);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(h7_set_look(&set, 0, &look), 0);
    assert_int_equal(look.n_zero, 3);
    assert_int_equal(look.n_more, 0);
    assert_int_equal(try1(0, -1), 0);
    assert_int_equal(n_waiting(), 3);
    /* They were there when it was 0, so they proceed, though it isn't for long. */
    for (int i = 0; i < 3; i++)
        kill(pid[i], SIGSTOP);
    assert_int_equal(try1(0, -1), 0);
    assert_int_equal(try1(0, 1), 0);
    for (int i = 0; i < 3; i++)
        kill(pid[i], SIGCONT);
    for (int i = 0; i < 3; i++)
        assert_in_range(unit_reap(pid[i]), 1, 3);
    end();
}

/* A whole array: called for one, it sleeps on for the other. */
static void test_sleeping_array(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}, {1, -2, 0}, {2, 0, 0}}, .n = 3, .turn = turn};
    struct h7_set_look look;
    (void)state;
    begin(3);
    set_to(2, 1);
    pid_t pid = start_sleeper(&s);
    assert_int_equal(try1(0, 1), 0);
    unit_sleep_ms(30);
    assert_int_equal(value_of(0), 1);
    assert_int_equal(h7_set_look(&set, 1, &look), 0);
    assert_int_equal(look.n_more, 1);
    assert_int_equal(try1(1, 2), 0);
    unit_sleep_ms(30);
    assert_int_equal(h7_set_look(&set, 2, &look), 0);
    assert_int_equal(look.n_zero, 1);
    assert_int_equal(try1(2, -1), 0);
    assert_int_equal(unit_reap(pid), 1);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(value_of(1), 0);
    end();
}

/* Who was called for what he can't take leaves it to the next. */
static void test_call_is_passed_on(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper both = {.ops = {{0, -1, 0}, {1, -1, 0}}, .n = 2, .turn = turn};
    struct sleeper one = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(2);
    pid_t first = start_sleeper(&both), second = start_sleeper(&one);
    assert_int_equal(try1(0, 1), 0);
    assert_int_equal(unit_reap(second), 1);
    assert_int_equal(n_waiting(), 1);
    assert_int_equal(ARRAY({0, 1, 0}, {1, 1, 0}), 0);
    assert_int_equal(unit_reap(first), 2);
    end();
}

static void test_dead_sleeper(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    begin(1);
    for (int i = 0; i < 2; i++)
        pid[i] = start_sleeper(&s);
    unit_kill(pid[0]);
    assert_int_equal(try1(0, 1), 0);
    assert_int_equal(unit_reap(pid[1]), 1);
    end();
}

/* Called, and killed before he takes it: the next looks by himself. */
static void test_dead_after_the_call(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    begin(1);
    for (int i = 0; i < 2; i++)
        pid[i] = start_sleeper(&s);
    kill(pid[0], SIGSTOP);
    unit_sleep_ms(20);
    assert_int_equal(try1(0, 1), 0);
    unit_kill(pid[0]);
    assert_int_equal(unit_reap(pid[1]), 1);
    end();
}

static void test_deadline(void **state)
{
    struct sembuf take = {0, -1, 0};
    (void)state;
    begin(1);
    int64_t at = hepta_in_ms(30);
    assert_int_equal(h7_set_op(&set, &take, 1, at), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= at);
    assert_int_equal(h7_set_op(&set, &take, 1, 1), -ETIMEDOUT);
    assert_int_equal(h7_set_op(&set, &take, 1, HEPTA_NOW), -EAGAIN);
    assert_int_equal(n_waiting(), 0);
    end();
}

static void on_signal(int sig)
{
    (void)sig;
}

static void test_interrupted(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    (void)state;
    begin(1);
    sigaction(SIGUSR1, &act, &old);
    pid_t pid = start_sleeper(&s);
    unit_sleep_ms(10);
    kill(pid, SIGUSR1);
    assert_int_equal(unit_reap(pid), 100 + EINTR);
    sigaction(SIGUSR1, &old, NULL);
    end();
}

static void test_removed(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[3];
    (void)state;
    begin(1);
    for (int i = 0; i < 3; i++)
        pid[i] = start_sleeper(&s);
    assert_int_equal(h7_set_remove(&set), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(pid[i]), 100 + EIDRM);
    assert_int_equal(try1(0, 1), -EIDRM);
    assert_int_equal(value_of(0), -EIDRM);
    end();
}

#define ROUNDS 300

static struct h7_a32 inside;

/* Both, whole, with and without undo: never two of them at once. */
static void *use_both(void *arg)
{
    const short undo = arg ? SEM_UNDO : 0;
    const struct sembuf take[] = {{0, -1, undo}, {1, -1, undo}};
    const struct sembuf give[] = {{1, 1, undo}, {0, 1, undo}};
    for (int i = 0; i < ROUNDS; i++) {
        if (h7_set_op(&set, take, 2, HEPTA_FOREVER) != 0 || h7_add32_release(&inside, 1) != 0)
            return (void *)1;
        h7_add32_release(&inside, (uint32_t)-1);
        if (h7_set_op(&set, give, 2, HEPTA_FOREVER) != 0)
            return (void *)2;
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t thread[4];
    (void)state;
    begin(2);
    set_to(0, 1);
    set_to(1, 1);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use_both, (void *)(i % 2)), 0);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(thread[i], &r);
        assert_null(r);
    }
    assert_int_equal(value_of(0), 1);
    assert_int_equal(value_of(1), 1);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_order),
    NAMES_TEST(test_several_at_once),
    NAMES_TEST(test_small_one_passes),
    NAMES_TEST(test_zero_waiters),
    NAMES_TEST(test_sleeping_array),
    NAMES_TEST(test_call_is_passed_on),
    NAMES_TEST(test_dead_sleeper),
    NAMES_TEST(test_dead_after_the_call),
    NAMES_TEST(test_deadline),
    NAMES_TEST(test_interrupted),
    NAMES_TEST(test_removed),
    NAMES_TEST(test_threads),
};

NAMES_MAIN(tests)
