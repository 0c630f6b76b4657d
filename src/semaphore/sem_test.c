/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem_test.c - a semaphore among threads: what each verb gives, deadlines, handlers,
 * sums under contention, and what the state looks like afterwards. Deaths: sem_death_test.c.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/self.h"
#include "prim/lock.h"
#include "semaphore/sem_internal.h"

#define FAR hepta_in_ms(60000)

static hepta_sem_t sem;
static struct h7_sem *const at = (struct h7_sem *)(void *)&sem;

static void fresh(uint32_t value)
{
    assert_int_equal(hepta_sem_init(&sem, value), 0);
}

static void sound(const hepta_sem_t *s)
{
    char why[100] = "";
    if (h7_sem_check((const struct h7_sem *)(const void *)s, why, sizeof why) < 0)
        fail_msg("check: %s", why);
}

static uint32_t arrivals(void)
{
    return H7_SEM_ARRIVALS(h7_load64_relaxed(&at->state));
}

/* Until one more thread has arrived than before. It may not have fallen asleep yet: that is as
 * well. */
static void await_arrival(uint32_t before)
{
    while (arrivals() == before)
        unit_sleep_ms(1);
    unit_sleep_ms(2);
}

/* --- one thread ------------------------------------------------------------------------ */

static void test_count(void **state)
{
    (void)state;
    fresh(2);
    assert_int_equal(hepta_sem_value(&sem), 2);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_NOW), 0);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_sem_value(&sem), 0);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_sem_post(&sem), 0);
    assert_int_equal(hepta_sem_value(&sem), 1);
    assert_int_equal(hepta_sem_wait(&sem, 1), 0); /* long past, but there is one */
    sound(&sem);
    assert_int_equal(hepta_sem_destroy(&sem), 0);
}

static void test_overflow(void **state)
{
    (void)state;
    assert_int_equal(hepta_sem_init(&sem, HEPTA_SEM_VALUE_MAX + 1), -EINVAL);
    fresh(HEPTA_SEM_VALUE_MAX - 1);
    assert_int_equal(hepta_sem_post(&sem), 0);
    assert_int_equal(hepta_sem_post(&sem), -EOVERFLOW);
    assert_int_equal(hepta_sem_value(&sem), HEPTA_SEM_VALUE_MAX);
    /* Also where somebody may be asleep. */
    h7_store64_relaxed(&at->state, H7_SEM_STATE(HEPTA_SEM_VALUE_MAX, 3));
    assert_int_equal(hepta_sem_post(&sem), -EOVERFLOW);
    assert_null(h7_self()->head->pending);
    assert_int_equal(hepta_sem_value(&sem), HEPTA_SEM_VALUE_MAX);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_NOW), 0);
    assert_int_equal(hepta_sem_post(&sem), 0);
    sound(&sem);
}

static void test_not_a_semaphore(void **state)
{
    static uint64_t zeroes[8];
    hepta_sem_t *const no[] = {NULL, (hepta_sem_t *)(void *)zeroes,
                               (hepta_sem_t *)(void *)((char *)&sem + 4)};
    (void)state;
    fresh(1);
    for (unsigned i = 0; i < sizeof no / sizeof *no; i++) {
        assert_int_equal(hepta_sem_wait(no[i], HEPTA_NOW), -EINVAL);
        assert_int_equal(hepta_sem_post(no[i]), -EINVAL);
        assert_int_equal(hepta_sem_value(no[i]), -EINVAL);
        assert_int_equal(hepta_sem_destroy(no[i]), -EINVAL);
    }
    assert_int_equal(hepta_sem_init(NULL, 0), -EINVAL);
    assert_int_equal(hepta_sem_init(no[2], 0), -EINVAL);
    assert_int_equal(hepta_sem_destroy(&sem), 0);
    assert_int_equal(hepta_sem_destroy(&sem), -EINVAL);
    assert_int_equal(hepta_sem_post(&sem), -EINVAL);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_FOREVER), -EINVAL);
    fresh(1);
    assert_int_equal(hepta_sem_value(&sem), 1);
}

static void test_deadlines(void **state)
{
    (void)state;
    fresh(0);
    assert_int_equal(hepta_sem_wait(&sem, 1), -ETIMEDOUT);
    assert_int_equal(hepta_sem_wait(&sem, -7), -ETIMEDOUT);
    for (int ms = 1; ms <= 120; ms += 40) { /* also beyond a tick */
        int64_t end = hepta_in_ms(ms);
        assert_int_equal(hepta_sem_wait(&sem, end), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= end);
        assert_true(hepta_now_ns() < end + 5000 * H7_MS);
    }
    sound(&sem);
}

/* Whatever lies there is a value, and nothing else. */
static void test_nonsense(void **state)
{
    char why[100];
    (void)state;
    fresh(0);
    h7_store64_relaxed(&at->state, UINT64_MAX);
    assert_int_equal(hepta_sem_value(&sem), HEPTA_SEM_VALUE_MAX);
    assert_int_equal(hepta_sem_post(&sem), -EOVERFLOW);
    assert_int_equal(hepta_sem_wait(&sem, HEPTA_NOW), 0);
    assert_int_equal(h7_sem_check(at, why, sizeof why), -EBADMSG);
    fresh(0);
    memset(&at->spin, 0xff, sizeof at->spin);
    memset(&at->yield, 0xff, sizeof at->yield);
    h7_store32_relaxed(&at->event, 77);
    assert_int_equal(h7_sem_check(at, why, sizeof why), -EBADMSG);
    assert_int_equal(hepta_sem_wait(&sem, hepta_in_ms(5)), -ETIMEDOUT);
    assert_int_equal(hepta_sem_post(&sem), 0);
    assert_int_equal(hepta_sem_wait(&sem, FAR), 0);
    /* The number of arrivals goes round, past 0. */
    h7_store64_relaxed(&at->state, H7_SEM_STATE(0, UINT32_MAX));
    assert_int_equal(hepta_sem_wait(&sem, hepta_in_ms(5)), -ETIMEDOUT);
    assert_int_not_equal(arrivals(), 0);
    sound(&sem);
}

/* --- sleepers and posters --------------------------------------------------------------- */

static void *waits(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)hepta_sem_wait(&sem, FAR);
}

static pthread_t sleeper(uint32_t before)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, waits, NULL), 0);
    await_arrival(before);
    return t;
}

static int result_of(pthread_t t)
{
    void *r;
    pthread_join(t, &r);
    return (int)(intptr_t)r;
}

static void test_wakes(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        fresh(0);
        pthread_t t = sleeper(0);
        assert_int_equal(hepta_sem_value(&sem), 0);
        assert_int_equal(hepta_sem_post(&sem), 0);
        assert_int_equal(result_of(t), 0);
        assert_int_equal(hepta_sem_value(&sem), 0);
        sound(&sem);
    }
    /* Nobody sleeps any more: the first post finds that out, the others needn't ask. */
    assert_int_equal(hepta_sem_post(&sem), 0);
    assert_int_equal(arrivals(), 0);
    assert_int_equal(hepta_sem_value(&sem), 1);
}

/* A wait that ends by its deadline leaves nothing that another would miss. */
static void test_one_gives_up(void **state)
{
    (void)state;
    fresh(0);
    pthread_t t = sleeper(0);
    assert_int_equal(hepta_sem_wait(&sem, hepta_in_ms(20)), -ETIMEDOUT);
    assert_int_equal(hepta_sem_post(&sem), 0);
    assert_int_equal(result_of(t), 0);
    assert_int_equal(hepta_sem_value(&sem), 0);
}

static void test_several(void **state)
{
    enum { N = 8 };
    pthread_t t[N];
    (void)state;
    fresh(0);
    for (uint32_t i = 0; i < N; i++)
        t[i] = sleeper(arrivals());
    for (int i = 0; i < N; i++)
        assert_int_equal(hepta_sem_post(&sem), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(result_of(t[i]), 0);
    assert_int_equal(hepta_sem_value(&sem), 0);
    sound(&sem);
}

static void test_destroyed(void **state)
{
    (void)state;
    fresh(0);
    pthread_t t = sleeper(0);
    assert_int_equal(hepta_sem_destroy(&sem), 0);
    assert_int_equal(result_of(t), -EINVAL); /* it isn't to happen, and yet it ends */
}

/* Two values for which nobody was called. The second sleeper soon looks by itself, takes one, and
 * calls the first, which, having come alone, would look only after a second. */
static void test_baton(void **state)
{
    int n_soon = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        fresh(0);
        pthread_t first = sleeper(0), second = sleeper(arrivals());
        int64_t start = hepta_now_ns();
        uint64_t now = h7_load64_relaxed(&at->state);
        while (!h7_cas64_relaxed(&at->state, &now, now + 2))
            ;
        assert_int_equal(result_of(second), 0);
        assert_int_equal(result_of(first), 0);
        n_soon += hepta_now_ns() - start < 500 * H7_MS;
        assert_int_equal(hepta_sem_value(&sem), 0);
    }
    assert_true(n_soon > 0);
}

/* --- handlers ---------------------------------------------------------------------------- */

static volatile int posted; /* raise(3) is said not to call back */

static void on_signal(int sig)
{
    (void)sig;
}

static void post_from_handler(int sig)
{
    (void)sig;
    posted = hepta_sem_post(&sem);
}

static void handle(void (*fn)(int))
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = SA_RESTART};
    assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
}

static void test_interrupted(void **state)
{
    (void)state;
    handle(on_signal);
    for (int i = 0; i < 5; i++) {
        fresh(0);
        pthread_t t = sleeper(0);
        /* It may be between two sleeps: again until the handler interrupts one. */
        void *r;
        do {
            assert_int_equal(pthread_kill(t, SIGUSR1), 0);
            unit_sleep_ms(5);
        } while (pthread_tryjoin_np(t, &r) != 0);
        assert_int_equal((int)(intptr_t)r, -EINTR);
        assert_int_equal(hepta_sem_value(&sem), 0);
        assert_int_equal(hepta_sem_post(&sem), 0);
        assert_int_equal(hepta_sem_wait(&sem, HEPTA_NOW), 0);
    }
}

/* What it interrupts may have pending set, and finds it as it was. */
static void test_post_in_handler(void **state)
{
    struct h7_lock lock = {{0}};
    (void)state;
    handle(post_from_handler);
    fresh(0);
    pthread_t t = sleeper(0);
    assert_int_equal(h7_lock(&lock, HEPTA_NOW), 0);
    void *pending = h7_self()->head->pending;
    assert_non_null(pending);
    posted = 1;
    raise(SIGUSR1);
    assert_int_equal(posted, 0);
    assert_ptr_equal(h7_self()->head->pending, pending);
    h7_unlock(&lock);
    assert_null(h7_self()->head->pending);
    assert_int_equal(result_of(t), 0);
}

/* --- sums ------------------------------------------------------------------------------ */

#define N_THREADS 4
#define N_EACH    20000

static struct h7_a64 sum;

static void *posts_many(void *arg)
{
    for (int i = 0; i < N_EACH; i++) {
        if (hepta_sem_post(&sem) != 0)
            return arg;
        if (i % 1000 == 0)
            sched_yield();
    }
    return NULL;
}

static void *takes_many(void *arg)
{
    for (int i = 0; i < N_EACH; i++) {
        int64_t deadline = i % 3 == 0 ? hepta_in_us(50) : i % 3 == 1 ? FAR : HEPTA_FOREVER;
        int r = hepta_sem_wait(&sem, deadline);
        if (r == -ETIMEDOUT && i % 3 == 0) {
            i--;
            continue;
        }
        if (r != 0)
            return arg;
        h7_add64_relaxed(&sum, 1);
    }
    return NULL;
}

static void test_sum(void **state)
{
    pthread_t t[2 * N_THREADS];
    void *bad;
    (void)state;
    fresh(5);
    h7_store64_relaxed(&sum, 0);
    for (int i = 0; i < 2 * N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, i % 2 ? posts_many : takes_many, &sem), 0);
    for (int i = 0; i < 2 * N_THREADS; i++) {
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(h7_load64_relaxed(&sum), N_THREADS * N_EACH);
    assert_int_equal(hepta_sem_value(&sem), 5);
    sound(&sem);
}

/* As a lock: what is done under it is seen, and never by two. */
static long counter;

static void *adds(void *arg)
{
    for (int i = 0; i < N_EACH; i++) {
        if (hepta_sem_wait(&sem, HEPTA_FOREVER) != 0)
            return arg;
        counter++;
        if (hepta_sem_post(&sem) != 0)
            return arg;
    }
    return NULL;
}

static void test_order(void **state)
{
    pthread_t t[N_THREADS];
    void *bad;
    (void)state;
    fresh(1);
    counter = 0;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, adds, &sem), 0);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(counter, N_THREADS * N_EACH);
    assert_int_equal(hepta_sem_value(&sem), 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_count),        cmocka_unit_test(test_overflow),
    cmocka_unit_test(test_not_a_semaphore), cmocka_unit_test(test_deadlines),
    cmocka_unit_test(test_nonsense),     cmocka_unit_test(test_wakes),
    cmocka_unit_test(test_one_gives_up), cmocka_unit_test(test_several),
    cmocka_unit_test(test_destroyed),    cmocka_unit_test(test_baton),
    cmocka_unit_test(test_interrupted),  cmocka_unit_test(test_post_in_handler),
    cmocka_unit_test(test_sum),          cmocka_unit_test(test_order),
};

UNIT_MAIN(tests)
