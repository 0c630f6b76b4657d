/* SPDX-License-Identifier: MIT */
/* base/mutex_test.c - mutual exclusion, deadlines, handlers, and a fork while it is held */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>
#include <sys/time.h>

#include "base/mutex.h"
#include "base/self.h"

#define N_THREADS 4
#define N_EACH    20000

static struct h7_mutex m;
static long counter;

static void *adds(void *arg)
{
    for (int i = 0; i < N_EACH; i++) {
        if (h7_mutex_lock(&m, i % 2 ? HEPTA_FOREVER : hepta_in_ms(60000)) != 0)
            return arg;
        counter++;
        h7_mutex_unlock(&m);
    }
    return NULL;
}

static void test_one_at_a_time(void **state)
{
    pthread_t t[N_THREADS];
    void *bad;
    (void)state;
    counter = 0;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, adds, &m), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(counter, N_THREADS * N_EACH);
    assert_int_equal(m.word.raw, 0);
}

static void test_deadlines(void **state)
{
    (void)state;
    assert_int_equal(h7_mutex_lock(&m, HEPTA_NOW), 0);
    assert_int_equal(h7_mutex_lock(&m, HEPTA_NOW), -EAGAIN);
    int64_t end = hepta_in_ms(5);
    assert_int_equal(h7_mutex_lock(&m, end), -ETIMEDOUT);
    assert_true(hepta_now_ns() >= end);
    assert_int_equal(h7_mutex_lock(&m, 1), -ETIMEDOUT);
    h7_mutex_unlock(&m);
    assert_int_equal(h7_mutex_lock(&m, 1), 0);
    h7_mutex_unlock(&m);
}

static void on_alarm(int sig)
{
    (void)sig;
}

static int interrupted(void *arg)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000};
    (void)arg;
    CHILD_CHECK(h7_self_fill() == 0);
    CHILD_CHECK(h7_mutex_lock(&m, HEPTA_NOW) == 0);
    CHILD_CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHILD_CHECK(h7_mutex_lock(&m, hepta_in_ms(60000)) == -EINTR);
    return 0;
}

static void test_interrupted(void **state)
{
    (void)state;
    unit_in_child(interrupted, NULL);
}

static int takes_it_over(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_self_fill() == 0); /* as every verb does first */
    CHILD_CHECK(h7_mutex_lock(&m, HEPTA_NOW) == 0);
    CHILD_CHECK(h7_mutex_lock(&m, HEPTA_NOW) == -EAGAIN);
    h7_mutex_unlock(&m);
    CHILD_CHECK(h7_mutex_lock(&m, HEPTA_NOW) == 0);
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
    assert_int_equal(h7_mutex_lock(&m, HEPTA_NOW), 0);
    unit_in_child(takes_it_over, NULL);
    assert_int_equal(h7_mutex_lock(&m, HEPTA_NOW), -EAGAIN); /* here it is held */
    h7_mutex_unlock(&m);
}

static int setup(void **state)
{
    (void)state;
    return h7_self_fill();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_one_at_a_time, setup),
    cmocka_unit_test_setup(test_deadlines, setup),
    cmocka_unit_test_setup(test_interrupted, setup),
    cmocka_unit_test_setup(test_fork, setup),
};

UNIT_MAIN(tests)
