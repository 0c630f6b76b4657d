/* SPDX-License-Identifier: MIT */
/*
 * base/self_test.c - the cached identity is right in threads and children, and refuses
 * where it can't be: raw clone() and vfork()
 *
 * The first test is first on purpose: it races the threads for the very first fill.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/self.h"
#include "base/sys.h"

#define N_THREADS 4

struct found {
    uint64_t gen;
    uint32_t tid, real_tid;
    void *head, *real_head;
};

static void look(struct found *f)
{
    struct h7_self *s = h7_self();
    f->real_tid = (uint32_t)syscall(SYS_gettid);
    h7_sys_robust_head(&f->real_head);
    if (!s)
        return;
    f->gen = s->gen;
    f->tid = s->tid;
    f->head = s->head;
}

static void *look_in_thread(void *arg)
{
    static pthread_mutex_t start = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&start); /* they begin as close together as they can */
    pthread_mutex_unlock(&start);
    look(arg);
    return NULL;
}

static void test_threads_race_for_the_first_fill(void **state)
{
    struct found f[N_THREADS] = {{0}};
    pthread_t t[N_THREADS];
    (void)state;
    assert_true(h7_fork_gen() == 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, look_in_thread, &f[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < N_THREADS; i++) {
        assert_true(f[i].gen != 0);
        assert_true(f[i].gen == f[0].gen);
        assert_int_equal(f[i].tid, f[i].real_tid);
        assert_ptr_equal(f[i].head, f[i].real_head);
        for (int k = 0; k < i; k++)
            assert_ptr_not_equal(f[i].head, f[k].head);
    }
}

static void test_cache_is_the_threads_own(void **state)
{
    struct h7_self *s = h7_self();
    (void)state;
    assert_non_null(s);
    assert_ptr_equal(s, &h7_self_cache);
    assert_ptr_equal(s, h7_self());
    assert_int_equal(s->tid, getpid());
    assert_int_equal(h7_self_verify(), 0);
}

static int child_is_new(void *arg)
{
    struct found f = {0}, *parent = arg;
    CHILD_CHECK(h7_fork_gen() == 0);
    CHILD_CHECK(h7_self_cache.tid == parent->tid); /* stale: it must not be believed */
    look(&f);
    CHILD_CHECK(f.gen != 0 && f.gen != parent->gen);
    CHILD_CHECK(f.tid == f.real_tid && f.tid != parent->tid);
    CHILD_CHECK(f.head == f.real_head);
    CHILD_CHECK(h7_self_verify() == 0);
    return 0;
}

static void test_fork_makes_a_generation(void **state)
{
    struct found f = {0};
    (void)state;
    look(&f);
    unit_in_child(child_is_new, &f);
    assert_true(h7_fork_gen() == f.gen); /* the parent's page stays */
}

static int fork_once_more(void *arg)
{
    struct found f = {0};
    (void)arg;
    look(&f);
    return unit_reap(unit_start(child_is_new, &f));
}

static void test_fork_of_a_fork(void **state)
{
    (void)state;
    unit_in_child(fork_once_more, NULL);
}

static int child_is_new_and_leaves(void *arg)
{
    return unit_leave(child_is_new(arg));
}

static void *fork_in_thread(void *arg)
{
    struct found f = {0};
    look(&f);
    *(int *)arg = unit_reap(unit_start(child_is_new_and_leaves, &f));
    return NULL;
}

/* The child's only thread is the one that called fork(). */
static void test_fork_in_a_thread(void **state)
{
    pthread_t t;
    int status = -1;
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, fork_in_thread, &status), 0);
    pthread_join(t, NULL);
    assert_int_equal(status, -SIGKILL);
}

/* libc didn't register a robust list there, so a lock would not be recovered. */
static void test_raw_clone_is_refused(void **state)
{
    (void)state;
    assert_non_null(h7_self());
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(!h7_self() && h7_self_fill() == -ENOSYS && h7_self_verify() == -ENOSYS ? 0 : 1);
    assert_int_equal(unit_reap(pid), 0);
}

static int in_vfork(void *arg)
{
    (void)arg;
    _exit(h7_self_verify() == -ENOSYS ? 0 : 1);
}

/* Shares our memory, so the cache looks valid; only the thread id tells. */
static void test_vfork_child_is_refused(void **state)
{
    static char stack[65536] __attribute__((aligned(16)));
    (void)state;
    assert_non_null(h7_self());
    pid_t pid = clone(in_vfork, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(h7_self_verify(), 0);
}

static void test_pid_namespace(void **state)
{
    struct stat st;
    (void)state;
    if (stat("/proc/self/ns/pid", &st) != 0)
        skip();
    assert_true(h7_self_pidns() == st.st_ino);
    assert_true(h7_self_pidns() == st.st_ino);
}

static int in_namespace(void *arg)
{
    uint64_t *outer = arg;
    if (unshare(CLONE_NEWPID) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_self_pidns() == *outer); /* only children are inside */
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        CHILD_CHECK(h7_self() && h7_self()->tid == 1);
        CHILD_CHECK(h7_self_pidns() != *outer);
        _exit(0);
    }
    return unit_reap(pid);
}

static void test_fork_into_another_namespace(void **state)
{
    uint64_t outer = h7_self_pidns();
    (void)state;
    unit_in_child(in_namespace, &outer);
}

static int no_robust_lists(void *arg)
{
    (void)arg;
    if (unit_forbid(SYS_get_robust_list, ENOSYS) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(!h7_self());
    CHILD_CHECK(h7_self_fill() == -ENOSYS);
    return 0;
}

static void test_kernel_without_robust_lists(void **state)
{
    (void)state;
    unit_in_child(no_robust_lists, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_threads_race_for_the_first_fill),
    cmocka_unit_test(test_cache_is_the_threads_own),
    cmocka_unit_test(test_fork_makes_a_generation),
    cmocka_unit_test(test_fork_of_a_fork),
    cmocka_unit_test(test_fork_in_a_thread),
    cmocka_unit_test(test_raw_clone_is_refused),
    cmocka_unit_test(test_vfork_child_is_refused),
    cmocka_unit_test(test_pid_namespace),
    cmocka_unit_test(test_fork_into_another_namespace),
    cmocka_unit_test(test_kernel_without_robust_lists),
};

UNIT_MAIN(tests)
