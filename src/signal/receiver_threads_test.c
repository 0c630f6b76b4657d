/* SPDX-License-Identifier: MIT */
/*
 * signal/receiver_threads_test.c - a receiver that other threads use, too, and threads that could
 * take its signals away
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/signal.h>
#include <pthread.h>

#include "base/signals.h"
#include "base/sys.h"

#define S(n) HEPTA_SIGNAL(n)
#define THREE (S(SIGUSR1) | S(SIGUSR2) | S(40))

static struct hepta_signal *open_for(uint64_t set)
{
    struct hepta_signal *sig;
    assert_int_equal(hepta_signal_open(set, &sig), 0);
    return sig;
}

static uint64_t mask_now(void)
{
    uint64_t set;
    h7_sys_sigmask(SIG_BLOCK, 0, &set);
    return set;
}

/* It may take, but not close: the mask is the other's. */
static void *closes_and_takes(void *arg)
{
    struct hepta_signal *sig = arg;
    uint64_t before = mask_now();
    int wrong = hepta_signal_close(sig) != -EPERM || mask_now() != before;
    wrong += hepta_signal_wait(sig, NULL, hepta_in_ms(20000)) != SIGUSR1;
    return (void *)(intptr_t)wrong;
}

static void test_other_threads(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    pthread_t t;
    void *wrong;
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, closes_and_takes, sig), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    pthread_join(t, &wrong);
    assert_null(wrong);
    assert_int_equal(hepta_signal_close(sig), 0);
}

/* --- who could lose one ---------------------------------------------------------------- */

static uint32_t there, stop;

static void *open_to_signals(void *arg)
{
    h7_sys_sigmask(SIG_UNBLOCK, *(uint64_t *)arg, NULL);
    __atomic_fetch_add(&there, 1, __ATOMIC_RELEASE);
    unit_await(&stop, 0);
    return NULL;
}

static void test_unblocked(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    uint64_t sets[] = {THREE, S(40), S(SIGWINCH)};
    pthread_t t[3];
    (void)state;
    assert_int_equal(hepta_signal_unblocked(sig), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, open_to_signals, &sets[i]), 0);
        unit_await(&there, i);
    }
    assert_int_equal(hepta_signal_unblocked(sig), 2);
    h7_sys_sigmask(SIG_UNBLOCK, S(SIGUSR2), NULL);
    assert_int_equal(hepta_signal_unblocked(sig), 3);
    h7_sys_sigmask(SIG_BLOCK, S(SIGUSR2), NULL);
    unit_say(&stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(hepta_signal_unblocked(sig), 0); /* one that is ending doesn't count */
    assert_int_equal(hepta_signal_close(sig), 0);
}

/* --- all at once ------------------------------------------------------------------------ */

#define N_THREADS 4
#define N_EACH 2000

static struct h7_a64 n_called;

static void counts(const struct hepta_signal_info *info, void *arg)
{
    (void)info;
    h7_add64_relaxed(&n_called, *(uint64_t *)arg);
}

/* Each sends, dispatches, and changes what is held back and what is called. */
static void *does_all(void *arg)
{
    static uint64_t one = 1;
    struct hepta_signal *sig = arg;
    intptr_t n_sent = 0;
    for (int i = 0; i < N_EACH; i++) {
        n_sent += sigqueue(getpid(), 40, (union sigval){.sival_int = i}) == 0;
        hepta_signal_mask(sig, i % 2 ? HEPTA_SIGNAL_BLOCK : HEPTA_SIGNAL_UNBLOCK, S(40), NULL);
        hepta_signal_on(sig, 40, counts, &one);
        if (hepta_signal_fd(sig) < 0)
            return NULL;
        hepta_signal_dispatch(sig, HEPTA_NOW);
    }
    return (void *)n_sent;
}

static void test_all_at_once(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    pthread_t t[N_THREADS];
    uint64_t n_sent = 0;
    void *n;
    (void)state;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, does_all, sig), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(t[i], &n);
        assert_non_null(n);
        n_sent += (uint64_t)(uintptr_t)n;
    }
    assert_int_equal(hepta_signal_mask(sig, HEPTA_SIGNAL_SETMASK, 0, NULL), 0);
    while (hepta_signal_dispatch(sig, HEPTA_NOW) > 0)
        ;
    assert_int_equal(h7_load64_relaxed(&n_called), n_sent);
    assert_int_equal(hepta_signal_close(sig), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_other_threads),
    cmocka_unit_test(test_unblocked),
    cmocka_unit_test(test_all_at_once),
};

UNIT_MAIN(tests)
