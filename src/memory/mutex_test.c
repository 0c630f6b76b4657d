/* SPDX-License-Identifier: MIT */
/*
 * memory/mutex_test.c - the robust mutex: one owner, and the next one is told of a death
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/shm.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/self.h"
#include "memory/mutex_internal.h"
#include "prim/life.h"

#define LATE_NS (2000 * H7_MS) /* 100 ms is promised; the machine may be busy */

static hepta_shm_mutex_t *fresh(void)
{
    return unit_shared(4096);
}

static void test_plain(void **state)
{
    hepta_shm_mutex_t *m = fresh(), more[40] = {{0}};
    (void)state;
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_NOW), -EDEADLK);
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EDEADLK);
    assert_int_equal(hepta_shm_mutex_mended(m), -EINVAL);
    assert_int_equal(hepta_shm_mutex_unlock(m), 0);
    assert_int_equal(hepta_shm_mutex_unlock(m), -EPERM);
    assert_int_equal(hepta_shm_mutex_mended(m), -EPERM);
    for (int i = 0; i < 40; i++)
        assert_int_equal(hepta_shm_mutex_lock(&more[i], HEPTA_NOW), 0);
    for (int i = 0; i < 40; i++) /* in any order */
        assert_int_equal(hepta_shm_mutex_unlock(&more[i]), 0);
    assert_int_equal(hepta_shm_mutex_lock(NULL, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_shm_mutex_unlock(NULL), -EINVAL);
    assert_int_equal(hepta_shm_mutex_mended(NULL), -EINVAL);
    hepta_shm_mutex_t *crooked = (hepta_shm_mutex_t *)((char *)m + 4);
    assert_int_equal(hepta_shm_mutex_lock(crooked, HEPTA_NOW), -EINVAL);
    assert_int_equal(hepta_shm_mutex_unlock(crooked), -EINVAL);
}

struct pair {
    hepta_shm_mutex_t m;
    uint32_t ready, go, inside, owners, died, n;
    uint64_t sum[2];
};

static int hold(void *arg)
{
    struct pair *p = arg;
    CHILD_CHECK(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER) == 0);
    unit_say(&p->ready, 1);
    unit_await(&p->go, 0);
    CHILD_CHECK(hepta_shm_mutex_unlock(&p->m) == 0);
    return 0;
}

static void on_signal(int sig)
{
    (void)sig;
}

static void test_waiting(void **state)
{
    struct pair *p = unit_shared(4096);
    (void)state;
    pid_t pid = unit_start(hold, p);
    unit_await(&p->ready, 0);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, 1), -ETIMEDOUT);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, -5), -ETIMEDOUT);
    int64_t t0 = hepta_now_ns();
    assert_int_equal(hepta_shm_mutex_lock(&p->m, hepta_in_ms(60)), -ETIMEDOUT);
    assert_in_range(hepta_now_ns() - t0, 60 * H7_MS, LATE_NS);
    assert_int_equal(hepta_shm_mutex_unlock(&p->m), -EPERM); /* a foreign one */
    assert_int_equal(hepta_shm_mutex_mended(&p->m), -EPERM);
    /* A handler doesn't end the wait. */
    struct sigaction sa = {.sa_handler = on_signal};
    struct sigaction old;
    struct itimerspec every = {{0, 5 * H7_MS}, {0, 5 * H7_MS}};
    timer_t timer;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigaction(SIGUSR1, &sa, &old);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
    timer_settime(timer, 0, &every, NULL);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, hepta_in_ms(50)), -ETIMEDOUT);
    timer_delete(timer);
    sigaction(SIGUSR1, &old, NULL);
    unit_say(&p->go, 1);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER), 0);
    assert_int_equal(hepta_shm_mutex_unlock(&p->m), 0);
    assert_int_equal(unit_reap(pid), 0);
}

/* Killed while it holds it, with this process asleep on it, or not. */
static void test_killed(void **state)
{
    struct pair *p = unit_shared(4096);
    (void)state;
    for (int i = 0; i < 4; i++) {
        memset(p, 0, sizeof *p);
        pid_t pid = unit_start(hold, p);
        unit_await(&p->ready, 0);
        unit_kill(pid);
        int64_t t0 = hepta_now_ns();
        assert_int_equal(hepta_shm_mutex_lock(&p->m, i & 1 ? HEPTA_NOW : HEPTA_FOREVER),
                         -EOWNERDEAD);
        assert_true(hepta_now_ns() - t0 < LATE_NS);
        assert_int_equal(p->m.recoveries, 1);
        assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_NOW), -EDEADLK);
        if (i & 2) {
            assert_int_equal(hepta_shm_mutex_mended(&p->m), 0);
            assert_int_equal(hepta_shm_mutex_mended(&p->m), -EINVAL);
            assert_int_equal(hepta_shm_mutex_unlock(&p->m), 0);
            assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_NOW), 0);
            assert_int_equal(hepta_shm_mutex_unlock(&p->m), 0);
        } else { /* not mended: for nobody any more */
            assert_int_equal(hepta_shm_mutex_unlock(&p->m), 0);
            assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER), -ENOTRECOVERABLE);
            assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_NOW), -ENOTRECOVERABLE);
        }
    }
}

static int take_over_and_die(void *arg)
{
    CHILD_CHECK(hepta_shm_mutex_lock(arg, HEPTA_FOREVER) == -EOWNERDEAD);
    raise(SIGKILL);
    return 0;
}

/* The heir dies before it has mended. */
static void test_heir_dies(void **state)
{
    struct pair *p = unit_shared(4096);
    (void)state;
    pid_t pid = unit_start(hold, p);
    unit_await(&p->ready, 0);
    unit_kill(pid);
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit_reap(unit_start(take_over_and_die, &p->m)), -SIGKILL);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER), -EOWNERDEAD);
    assert_int_equal(p->m.recoveries, 4);
    assert_int_equal(hepta_shm_mutex_mended(&p->m), 0);
    assert_int_equal(hepta_shm_mutex_unlock(&p->m), 0);
}

/* Killed between taking over and saying that it did (M2); after saying that it isn't recoverable
 * (M3). */
static int leave_it_so(void *arg)
{
    struct pair *p = arg;
    struct h7_mutex_shared *sh = (struct h7_mutex_shared *)&p->m;
    CHILD_CHECK(hepta_shm_mutex_lock(&p->m, HEPTA_NOW) == 0);
    h7_store32_relaxed(&sh->state, p->n);
    raise(SIGKILL);
    return 0;
}

static void test_windows(void **state)
{
    static const int results[] = {-EOWNERDEAD, -EOWNERDEAD, -ENOTRECOVERABLE, -EBADMSG};
    struct pair *p = unit_shared(4096);
    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        memset(p, 0, sizeof *p);
        p->n = n;
        assert_int_equal(unit_reap(unit_start(leave_it_so, p)), -SIGKILL);
        assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER), results[n]);
        if (n >= 2)
            assert_int_equal(p->m.word, 0);
    }
}

static void *take_and_exit(void *m)
{
    return hepta_shm_mutex_lock(m, HEPTA_FOREVER) == 0 ? m : NULL;
}

static void test_thread_exits(void **state)
{
    hepta_shm_mutex_t *m = fresh();
    pthread_t thread;
    void *result;
    (void)state;
    pthread_create(&thread, NULL, take_and_exit, m);
    pthread_join(thread, &result);
    assert_ptr_equal(result, m);
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EOWNERDEAD);
    assert_int_equal(hepta_shm_mutex_mended(m), 0);
    assert_int_equal(hepta_shm_mutex_unlock(m), 0);
}

static void *stay(void *arg)
{
    unit_say(arg, 1);
    unit_stay();
    return arg;
}

/* The main thread is gone, its process isn't: a zombie that can be signalled. */
static int main_thread_exits(void *arg)
{
    struct pair *p = arg;
    pthread_t thread;
    CHILD_CHECK(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER) == 0);
    CHILD_CHECK(pthread_create(&thread, NULL, stay, &p->ready) == 0);
    pthread_exit(NULL);
}

static void test_main_thread_exits(void **state)
{
    struct pair *p = unit_shared(4096);
    (void)state;
    pid_t pid = unit_start(main_thread_exits, p);
    unit_await(&p->ready, 0);
    assert_int_equal(hepta_shm_mutex_lock(&p->m, HEPTA_FOREVER), -EOWNERDEAD);
    unit_kill(pid);
}

static int not_mine(void *m)
{
    CHILD_CHECK(hepta_shm_mutex_unlock(m) == -EPERM);
    CHILD_CHECK(hepta_shm_mutex_lock(m, HEPTA_NOW) == -EAGAIN);
    CHILD_CHECK(hepta_shm_mutex_lock(m, hepta_in_ms(50)) == -ETIMEDOUT);
    return 0;
}

static void test_fork(void **state)
{
    hepta_shm_mutex_t *m = fresh();
    (void)state;
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_NOW), 0);
    unit_in_child(not_mine, m);
    assert_int_equal(hepta_shm_mutex_unlock(m), 0);
}

/* A TID that another thread has by now, of this process or of another. */
static void test_reused_tid(void **state)
{
    hepta_shm_mutex_t *m = fresh();
    uint64_t mark, pidns = h7_self() ? h7_self_pidns() : 0;
    uint32_t tid = (uint32_t)syscall(SYS_gettid);
    (void)state;
    assert_int_equal(h7_life_of_thread((pid_t)tid, 0, &mark), 0);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, mark, pidns)), 0);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, mark + 1, pidns)), 1);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, 0, pidns)), 0); /* unknown */
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(0x3ffffe, 0, pidns)), 1);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, mark, pidns + 1)), -EXDEV);
    assert_int_equal(h7_life_of_thread((pid_t)tid, H7_LIFE_START_TIME, &mark), 0);
    assert_true(mark & H7_LIFE_START_TIME);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, mark, pidns)), 0);
    assert_int_equal(h7_mutex_orphaned(h7_mutex_owner(tid, mark + 1, pidns)), 1);
    m->word = h7_mutex_owner(tid, mark + 1, pidns); /* mine, of another who had my TID */
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EOWNERDEAD);
    m->word = h7_mutex_owner(1, 12345, pidns);
    m->state = 0;
    assert_int_equal(hepta_shm_mutex_lock(m, hepta_in_ms(2000)), -EOWNERDEAD);
    m->word = h7_mutex_owner(1, 0, pidns ^ 5);
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EXDEV);
    m->word = 0x80000000u;
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EBADMSG);
    m->word = ~(uint64_t)H7_MUTEX_TID;
    assert_int_equal(hepta_shm_mutex_lock(m, HEPTA_FOREVER), -EBADMSG);
}

/* Without a descriptor the thread's mark isn't known: it goes without. */
static int without_descriptors(void *m)
{
    CHILD_CHECK(unit_no_descriptors() == 0);
    if (!h7_self() || h7_self_pidns() == 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_shm_mutex_lock(m, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_shm_mutex_lock(m, HEPTA_NOW) == -EDEADLK);
    struct rlimit lim = {64, 64};
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
    CHILD_CHECK(hepta_shm_mutex_lock(m, HEPTA_NOW) == -EDEADLK);
    CHILD_CHECK(hepta_shm_mutex_unlock(m) == 0);
    CHILD_CHECK(hepta_shm_mutex_lock(m, HEPTA_NOW) == 0);
    CHILD_CHECK(hepta_shm_mutex_unlock(m) == 0);
    return 0;
}

static void test_without_descriptors(void **state)
{
    hepta_shm_mutex_t *m = fresh();
    (void)state;
    h7_self();
    h7_self_pidns(); /* the child asks with another generation */
    unit_in_child(without_descriptors, m);
}

/* --- many ---------------------------------------------------------------------------- */

#define ROUNDS 20000

static int enter_once(struct pair *p, int64_t deadline)
{
    int r = hepta_shm_mutex_lock(&p->m, deadline);
    if (r < 0 && r != -EOWNERDEAD)
        return r;
    /* Plain accesses: the mutex is all that orders them. */
    if (r == -EOWNERDEAD) {
        p->inside = 0;
        p->sum[1] = p->sum[0];
        p->died++;
        if (hepta_shm_mutex_mended(&p->m) != 0)
            return -EIO;
    }
    if (p->inside != 0 || p->sum[0] != p->sum[1])
        return -EIO; /* two owners, or a death that wasn't told */
    p->inside = 1;
    p->sum[0]++;
    h7_fence_compiler();
    p->sum[1]++;
    p->inside = 0;
    return hepta_shm_mutex_unlock(&p->m);
}

static void *many_times(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        if (enter_once(arg, i % 3 ? HEPTA_FOREVER : hepta_in_ms(60000)) != 0)
            return arg;
    return NULL;
}

static void test_threads(void **state)
{
    struct pair *p = unit_shared(4096);
    pthread_t threads[4];
    void *bad;
    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, many_times, p);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(p->sum[0], 4 * ROUNDS);
    assert_int_equal(p->m.word, 0);
}

static int until_killed(void *arg)
{
    for (;;)
        CHILD_CHECK(enter_once(arg, HEPTA_FOREVER) == 0);
}

/* Killed anywhere, again and again. */
static void test_kills(void **state)
{
    enum { N = 4 };
    struct pair *p = unit_shared(4096);
    pid_t pids[N];
    unsigned seed = 4711;
    (void)state;
    for (int i = 0; i < N; i++)
        pids[i] = unit_start(until_killed, p);
    for (int n = 0; n < 300; n++) {
        int i = rand_r(&seed) % N;
        struct timespec ts = {0, rand_r(&seed) % 3000000};
        nanosleep(&ts, NULL);
        unit_kill(pids[i]);
        int64_t t0 = hepta_now_ns();
        assert_int_equal(enter_once(p, hepta_in_ms(20000)), 0);
        assert_true(hepta_now_ns() - t0 < 20000 * H7_MS);
        pids[i] = unit_start(until_killed, p);
    }
    for (int i = 0; i < N; i++)
        unit_kill(pids[i]);
    assert_int_equal(enter_once(p, hepta_in_ms(20000)), 0);
    assert_int_equal(p->m.word, 0);
    assert_int_equal(p->m.recoveries, p->died);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_plain),
    cmocka_unit_test(test_waiting),
    cmocka_unit_test(test_killed),
    cmocka_unit_test(test_heir_dies),
    cmocka_unit_test(test_windows),
    cmocka_unit_test(test_thread_exits),
    cmocka_unit_test(test_main_thread_exits),
    cmocka_unit_test(test_fork),
    cmocka_unit_test(test_reused_tid),
    cmocka_unit_test(test_without_descriptors),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_kills),
};

UNIT_MAIN(tests)
