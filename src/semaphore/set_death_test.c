/* SPDX-License-Identifier: MIT */
/* semaphore/set_death_test.c - deaths inside the set, at chosen places and at random ones */
#define _GNU_SOURCE
#include <pthread.h>

#include "base/sys.h"
#include "semaphore/set_test.h"

static int die_before_commit(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&set.log->entry[0], 0 | 77ull << 16);
    raise(SIGKILL);
    return 0;
}

static int die_after_log(void *arg)
{
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&set.log->entry[0], 0 | 77ull << 16);
    h7_store64_relaxed(&set.log->entry[1], 1 | 78ull << 16);
    h7_store32_relaxed(&set.log->row, 0);
    h7_store32_relaxed(&set.log->pid, 4711);
    h7_store32_release(&set.log->count, 2);
    h7_store32_relaxed(&set.hot->sem[1].value, 78);
    raise(SIGKILL);
    return 0;
}

static int die_after_intent(void *arg)
{
    struct h7_set_change c = {.sem = 1, .value = 5, .adj = 3};
    int everybody;
    (void)arg;
    CHILD_CHECK(h7_set_me(&set) == 0 && h7_set_enter(&set, HEPTA_FOREVER) == 0);
    int row = h7_set_new_row(&set, &everybody);
    CHILD_CHECK(row >= 0);
    h7_store64_release(&set.hot->intent, h7_set_intent(&c, row));
    raise(SIGKILL);
    return 0;
}

static void test_death_inside(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(unit_reap(unit_start(die_before_commit, NULL)), -SIGKILL);
    assert_int_equal(value_of(0), 0);
    assert_int_equal(unit_reap(unit_start(die_after_log, NULL)), -SIGKILL);
    assert_int_equal(value_of(0), 77);
    assert_int_equal(value_of(1), 78);
    check();
    assert_int_equal(unit_reap(unit_start(die_after_intent, NULL)), -SIGKILL);
    assert_int_equal(value_of(1), 8); /* 5, and then 3 were undone */
    end();
}

/* He who undoes is killed after each store of it: in the end it was undone once. */
static int die_undoing(void *arg)
{
    int where = *(int *)arg;
    struct h7_set_log *log = set.log;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store64_relaxed(&log->entry[0], 0 | 10ull << 16);
    h7_store64_relaxed(&log->entry[1], 1 | 20ull << 16);
    h7_store32_relaxed(&log->row, 1);
    h7_store32_relaxed(&log->kind, H7_SET_OPS);
    struct h7_set_row *row = h7_set_row_at(&set, 0);
    if (where > 0)
        h7_store32_release(&log->count, 2);
    if (where > 1)
        h7_store32_release(&set.hot->sem[0].value, 10);
    if (where > 2)
        h7_store32_relaxed(&row->nonzero, 1);
    if (where > 3)
        h7_store16_relaxed(&row->adj[0], 0);
    if (where > 4)
        h7_store32_release(&set.hot->sem[1].value, 20);
    if (where > 5)
        h7_store32_relaxed(&row->nonzero, 0);
    if (where > 6)
        h7_store16_relaxed(&row->adj[1], 0);
    if (where > 7)
        h7_store32_release(&log->count, 0);
    raise(SIGKILL);
    return 0;
}

static void test_recoverer_killed(void **state)
{
    struct doing d = {.ops = {{0, -3, SEM_UNDO}, {1, -4, SEM_UNDO}}, .n = 2};
    (void)state;
    for (int where = 0; where <= 8; where++) {
        begin(2);
        set_to(0, 10);
        set_to(1, 20);
        assert_int_equal(unit_reap(unit_start(do_ops, &d)), 0);
        assert_int_equal(unit_reap(unit_start(die_undoing, &where)), -SIGKILL);
        assert_int_equal(value_of(0), 10);
        assert_int_equal(value_of(1), 20);
        end();
    }
}

/* The lock is free again, the first is called, the caller is dead: the kernel wakes him. */
static int die_after_unlock(void *arg)
{
    struct h7_set_change c = {.sem = 0, .value = 2};
    struct h7_set_commit commit = {
        .changes = &c, .n = 1, .row = H7_NO_ROW, .pid = 1, .but = H7_NO_SLEEPER};
    struct h7_set_calls calls;
    int unlock = *(int *)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    CHILD_CHECK(h7_set_commit(&set, &commit, &calls) == 0 && calls.n == 2);
    if (unlock)
        h7_unlock_second(&set.hot->lock);
    raise(SIGKILL);
    return 0;
}

static void test_caller_killed(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, -1, 0}}, .n = 1, .turn = turn};
    pid_t pid[2];
    (void)state;
    for (int unlock = 0; unlock < 2; unlock++) {
        begin(1);
        unit_say(turn, 0);
        for (int i = 0; i < 2; i++)
            pid[i] = start_sleeper(&s);
        assert_int_equal(unit_reap(unit_start(die_after_unlock, &unlock)), -SIGKILL);
        for (int i = 0; i < 2; i++)
            assert_in_range(unit_reap(pid[i]), 1, 2);
        end();
    }
}

/* The one whose commit made it zero dies before he can grant it: the next holder does. */
static int die_at_zero(void *arg)
{
    struct sembuf take = {0, -1, 0};
    (void)arg;
    CHILD_CHECK(h7_set_enter(&set, HEPTA_FOREVER) == 0);
    h7_store32_release(&set.hot->sem[0].value, 0);
    (void)take;
    raise(SIGKILL);
    return 0;
}

static void test_grant_by_mender(void **state)
{
    uint32_t *turn = unit_shared(sizeof *turn);
    struct sleeper s = {.ops = {{0, 0, 0}}, .n = 1, .turn = turn};
    (void)state;
    begin(1);
    set_to(0, 1);
    pid_t pid = start_sleeper(&s);
    kill(pid, SIGSTOP);
    assert_int_equal(unit_reap(unit_start(die_at_zero, NULL)), -SIGKILL);
    assert_int_equal(try1(0, 1), 0);
    kill(pid, SIGCONT);
    assert_int_equal(unit_reap(pid), 1);
    end();
}

#define PHILOSOPHERS 5

struct table {
    uint32_t who; /* sits down next */
    uint32_t meals;
    uint32_t fork[PHILOSOPHERS]; /* pid of who has it */
};

static void seize(uint32_t *fork, uint32_t me)
{
    uint32_t owner = __atomic_exchange_n(fork, me, __ATOMIC_SEQ_CST);
    /* Who was killed with it has left his name there. */
    CHILD_CHECK(owner == 0 || h7_sys_thread_probe((pid_t)owner) == -ESRCH);
}

static int dine(void *arg)
{
    struct table *t = arg;
    const unsigned short l = (unsigned short)t->who, r = (unsigned short)((l + 1) % PHILOSOPHERS);
    const struct sembuf take[] = {{l, -1, SEM_UNDO}, {r, -1, SEM_UNDO}};
    const struct sembuf give[] = {{l, 1, SEM_UNDO}, {r, 1, SEM_UNDO}};
    const uint32_t me = (uint32_t)getpid();
    for (;;) {
        CHILD_CHECK(h7_set_op(&set, take, 2, HEPTA_FOREVER) == 0);
        seize(&t->fork[l], me);
        seize(&t->fork[r], me);
        __atomic_add_fetch(&t->meals, 1, __ATOMIC_SEQ_CST);
        /* Nobody else may have come meanwhile. */
        CHILD_CHECK(__atomic_exchange_n(&t->fork[l], 0, __ATOMIC_SEQ_CST) == me);
        CHILD_CHECK(__atomic_exchange_n(&t->fork[r], 0, __ATOMIC_SEQ_CST) == me);
        CHILD_CHECK(h7_set_op(&set, give, 2, HEPTA_FOREVER) == 0);
    }
}

static void await_meal(struct table *t)
{
    uint32_t before = __atomic_load_n(&t->meals, __ATOMIC_SEQ_CST);
    int64_t limit = hepta_in_ms(10000);
    while (__atomic_load_n(&t->meals, __ATOMIC_SEQ_CST) == before) {
        assert_true(hepta_now_ns() < limit);
        unit_sleep_ms(1);
    }
}

/* Killed anywhere: there is always progress, never two with the same fork, and in the end all
 * forks are there. */
static void test_philosophers(void **state)
{
    struct table *t = unit_shared(sizeof *t);
    const unsigned short ones[PHILOSOPHERS] = {1, 1, 1, 1, 1};
    pid_t pid[PHILOSOPHERS] = {0};
    (void)state;
    begin_with(PHILOSOPHERS, 16, H7_SET_TIMES, 0);
    assert_int_equal(h7_set_set(&set, 0, ones, PHILOSOPHERS), 0);
    for (uint32_t i = 0; i < 150; i++) {
        t->who = i % PHILOSOPHERS;
        if (pid[t->who])
            unit_kill(pid[t->who]);
        pid[t->who] = unit_start(dine, t);
        struct timespec ts = {0, (i * 7919) % 3000000};
        nanosleep(&ts, NULL);
        if (i % 10 == 9)
            await_meal(t);
    }
    for (int i = 0; i < PHILOSOPHERS; i++)
        unit_kill(pid[i]);
    for (uint32_t i = 0; i < PHILOSOPHERS; i++)
        assert_int_equal(value_of(i), 1);
    end();
}

/* --- a peer that scribbles ------------------------------------------------------------------ */

/* One who sleeps for semaphore 0, and is dead. Not under the lock. */
static void plant_sleeper(void)
{
    struct h7_sleepers *t = set.sleepers;
    h7_store64_relaxed(&t->at[0].want[1], 1);
    h7_store32_relaxed(&t->at[0].state, H7_SLEEPER_WAITING);
    h7_store32_relaxed(&t->n_waiting, 1);
    h7_store32_relaxed(&t->high, 1);
}

/* Always another death, as it seems, and always somebody who has to be called and isn't there. */
static int scribble(void *arg)
{
    (void)arg;
    for (;;) {
        h7_store32_relaxed(&set.sleepers->at[0].state, H7_SLEEPER_CALLED);
        h7_store32_relaxed(&set.hot->flags, H7_SET_DIRTY);
    }
    return 0;
}

static void *operate(void *arg)
{
    struct sembuf post = {0, 1, 0};
    (void)arg;
    for (int64_t end = hepta_in_ms(1000); hepta_now_ns() < end;)
        h7_set_op(&set, &post, 1, HEPTA_NOW);
    return NULL;
}

/* Mending mustn't begin anew inside itself: on a small stack that would show soon. */
static void test_deaths_without_end(void **state)
{
    pthread_attr_t attr;
    pthread_t thread;
    (void)state;
    begin(1);
    plant_sleeper();
    pid_t pid = unit_start(scribble, NULL);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 32 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, operate, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    unit_kill(pid);
    value_of(0);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_death_inside),
    NAMES_TEST(test_recoverer_killed),
    NAMES_TEST(test_caller_killed),
    NAMES_TEST(test_grant_by_mender),
    NAMES_TEST(test_philosophers),
    NAMES_TEST(test_deaths_without_end),
};

NAMES_MAIN(tests)
