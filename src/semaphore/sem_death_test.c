/* SPDX-License-Identifier: MIT */
/*
 * semaphore/sem_death_test.c - a semaphore among processes that are killed: what they took is
 * taken, what they gave is given, nothing else is lost, and nobody sleeps on
 *
 * Deaths at chosen places (W1 to W5 of sem_internal.h) are made by hand here; tests/crash has all.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <sys/syscall.h>

#include "base/clock.h"
#include "base/self.h"
#include "prim/lock.h"
#include "semaphore/sem_internal.h"

#define N_MATES 4

struct shared {
    hepta_sem_t sem;
    struct h7_a64 given[N_MATES], taken[N_MATES]; /* after the verb, by the one who did it */
    uint32_t stop;
};

static struct shared *sh;

static struct h7_sem *at(void)
{
    return (struct h7_sem *)(void *)&sh->sem;
}

static int setup(void **state)
{
    (void)state;
    sh = unit_shared(sizeof *sh);
    return hepta_sem_init(&sh->sem, 0);
}

static int teardown(void **state)
{
    (void)state;
    munmap(sh, sizeof *sh);
    return 0;
}

static void sound(void)
{
    char why[100] = "";
    if (h7_sem_check(at(), why, sizeof why) < 0)
        fail_msg("check: %s", why);
}

static uint32_t arrivals(void)
{
    return H7_SEM_ARRIVALS(h7_load64_relaxed(&at()->state));
}

static int sleeps(void *arg)
{
    (void)arg;
    return hepta_sem_wait(&sh->sem, hepta_in_ms(60000)) == 0 ? 0 : 1;
}

static pid_t sleeper(void)
{
    uint32_t before = arrivals();
    pid_t pid = unit_start(sleeps, NULL);
    while (arrivals() == before)
        unit_sleep_ms(1);
    unit_sleep_ms(5);
    return pid;
}

/* --- sleepers --------------------------------------------------------------------------- */

/* It takes nothing with it, and the first post finds out that nobody sleeps. */
static void test_killed_sleeper(void **state)
{
    (void)state;
    pid_t pid = sleeper();
    unit_kill(pid);
    assert_int_not_equal(arrivals(), 0);
    assert_int_equal(hepta_sem_post(&sh->sem), 0);
    assert_int_equal(arrivals(), 0);
    assert_int_equal(hepta_sem_value(&sh->sem), 1);
    assert_int_equal(hepta_sem_wait(&sh->sem, HEPTA_NOW), 0);
    sound();
}

static void test_killed_among_sleepers(void **state)
{
    enum { N = 4 };
    pid_t pids[N];
    (void)state;
    for (int i = 0; i < N; i++)
        pids[i] = sleeper();
    unit_kill(pids[0]);
    unit_kill(pids[2]);
    assert_int_equal(hepta_sem_post(&sh->sem), 0);
    assert_int_equal(hepta_sem_post(&sh->sem), 0);
    assert_int_equal(unit_reap(pids[1]), 0);
    assert_int_equal(unit_reap(pids[3]), 0);
    assert_int_equal(hepta_sem_value(&sh->sem), 0);
}

/* W5: the one that was woken is stopped before it can take, then killed: the others look. */
static void test_woken_and_killed(void **state)
{
    (void)state;
    pid_t first = sleeper(), second = sleeper();
    assert_int_equal(kill(first, SIGSTOP), 0);
    assert_int_equal(waitpid(first, NULL, WUNTRACED), first);
    assert_int_equal(hepta_sem_post(&sh->sem), 0); /* wakes the first */
    assert_int_equal(unit_reap(second), 0);
    assert_int_equal(hepta_sem_value(&sh->sem), 0);
    unit_kill(first);
    sound();
}

/* --- posters ---------------------------------------------------------------------------- */

/* What hepta_sem_post() does, up to the wake-up. */
static int dies_between(void *arg)
{
    struct h7_sem *s = at();
    struct h7_self *self = h7_self();
    uint64_t now = h7_load64_relaxed(&s->state);
    (void)arg;
    CHILD_CHECK(self);
    h7_lock_turn(&s->event);
    h7_store32_relaxed(&s->event, self->tid | H7_LOCK_WAITERS);
    while (!h7_cas64_acq_rel(&s->state, &now, now + 1))
        ;
    raise(SIGKILL);
    return 1;
}

/* W2: the kernel wakes the sleeper. If it were its own look, it would take about a second each
 * time. */
static void test_killed_poster(void **state)
{
    int n_soon = 0;
    (void)state;
    for (int i = 0; i < 5; i++) {
        pid_t pid = sleeper();
        int64_t start = hepta_now_ns();
        assert_int_equal(unit_reap(unit_start(dies_between, NULL)), -SIGKILL);
        assert_int_equal(unit_reap(pid), 0);
        n_soon += hepta_now_ns() - start < 300 * H7_MS;
        assert_int_equal(hepta_sem_value(&sh->sem), 0);
        sound();
        assert_int_equal(hepta_sem_init(&sh->sem, 0), 0);
    }
    assert_true(n_soon > 0);
}

/* Pending lost, so that the kernel doesn't know: the sleeper's own look. */
static int dies_unseen(void *arg)
{
    uint64_t now = h7_load64_relaxed(&at()->state);
    (void)arg;
    while (!h7_cas64_acq_rel(&at()->state, &now, now + 1))
        ;
    raise(SIGKILL);
    return 1;
}

static void test_poster_unseen(void **state)
{
    (void)state;
    pid_t pid = sleeper();
    assert_int_equal(unit_reap(unit_start(dies_unseen, NULL)), -SIGKILL);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(hepta_sem_value(&sh->sem), 0);
}

/* A thread that has no robust list can post all the same. */
static int posts_without_list(void *arg)
{
    (void)arg;
    if (unit_forbid(SYS_get_robust_list, ENOSYS) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(!h7_self());
    CHILD_CHECK(hepta_sem_post(&sh->sem) == 0);
    return 0;
}

static void test_no_robust_list(void **state)
{
    (void)state;
    pid_t pid = sleeper();
    int status = unit_reap(unit_start(posts_without_list, NULL));
    if (status == UNIT_SKIP) {
        unit_kill(pid);
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(unit_reap(pid), 0);
}

/* --- many -------------------------------------------------------------------------------- */

static int is_over(void)
{
    return __atomic_load_n(&sh->stop, __ATOMIC_ACQUIRE) != 0;
}

static int gives(void *arg)
{
    int me = (int)(intptr_t)arg;
    while (!is_over()) {
        CHILD_CHECK(hepta_sem_post(&sh->sem) == 0);
        h7_add64_relaxed(&sh->given[me], 1);
        if (hepta_sem_value(&sh->sem) > 100)
            unit_sleep_ms(1);
    }
    return 0;
}

static int takes(void *arg)
{
    int me = (int)(intptr_t)arg;
    while (!is_over()) {
        int r = hepta_sem_wait(&sh->sem, hepta_in_ms(me % 2 ? 1 : 1000));
        CHILD_CHECK(r == 0 || r == -ETIMEDOUT);
        if (r == 0)
            h7_add64_relaxed(&sh->taken[me], 1);
    }
    return 0;
}

/* What can't be known of a killed one: whether the verb that was cut short had happened. */
static void check_sum(int n_killed_givers, int n_killed_takers)
{
    int64_t sum = 0;
    for (int i = 0; i < N_MATES; i++)
        sum += (int64_t)h7_load64_relaxed(&sh->given[i]) -
               (int64_t)h7_load64_relaxed(&sh->taken[i]);
    int64_t value = hepta_sem_value(&sh->sem);
    assert_true(value >= sum - n_killed_takers);
    assert_true(value <= sum + n_killed_givers);
}

static void run_many(int n_kills)
{
    pid_t givers[N_MATES], takers[N_MATES];
    int killed[2] = {0, 0};
    uint32_t seed = 12345;
    for (int i = 0; i < N_MATES; i++) {
        givers[i] = unit_start(gives, (void *)(intptr_t)i);
        takers[i] = unit_start(takes, (void *)(intptr_t)i);
    }
    for (int i = 0; i < n_kills; i++) {
        seed = seed * 1664525 + 1013904223;
        int side = seed >> 16 & 1, who = (int)(seed >> 20) % N_MATES;
        pid_t *pid = &(side ? givers : takers)[who];
        unit_sleep_ms((int)(seed >> 24) % 8);
        unit_kill(*pid);
        killed[side]++;
        *pid = unit_start(side ? gives : takes, (void *)(intptr_t)who);
    }
    if (n_kills == 0)
        unit_sleep_ms(200);
    unit_say(&sh->stop, 1);
    for (int i = 0; i < N_MATES; i++) {
        assert_int_equal(unit_reap(givers[i]), 0);
        assert_int_equal(unit_reap(takers[i]), 0);
    }
    check_sum(killed[1], killed[0]);
    sound();
    /* Whatever happened, it works, and nobody is believed to sleep for long. */
    while (hepta_sem_wait(&sh->sem, HEPTA_NOW) == 0)
        ;
    assert_int_equal(hepta_sem_post(&sh->sem), 0);
    assert_int_equal(arrivals(), 0);
}

static void test_sum(void **state)
{
    (void)state;
    run_many(0);
}

static void test_sum_with_deaths(void **state)
{
    (void)state;
    run_many(150);
}

#define DEATH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
static const struct CMUnitTest tests[] = {
    DEATH_TEST(test_killed_sleeper),   DEATH_TEST(test_killed_among_sleepers),
    DEATH_TEST(test_woken_and_killed), DEATH_TEST(test_killed_poster),
    DEATH_TEST(test_poster_unseen),    DEATH_TEST(test_no_robust_list),
    DEATH_TEST(test_sum),              DEATH_TEST(test_sum_with_deaths),
};

UNIT_MAIN(tests)
