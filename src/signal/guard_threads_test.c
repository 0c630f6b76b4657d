/* SPDX-License-Identifier: MIT */
/*
 * signal/guard_threads_test.c - threads with guards of their own: each ends its own call, while
 * the handlers come and go with the first guard and the last
 */
#define _GNU_SOURCE
#include "signal/guard_test.h"

#include <pthread.h>

#define N_THREADS 8
#define N_FAULTS 2000

struct worker {
    pthread_t thread;
    char *gives_way, *stays;
    int n_wrong;
};

static int one_fault(struct worker *w, int i)
{
    struct hepta_signal_info info;
    char *p = w->gives_way + i % 100;
    if (hepta_signal_guard(w->gives_way, PAGE, i % 2 ? read_byte : write_byte, p, &info) != -EFAULT)
        return 1;
    return info.address != (uintptr_t)p ||
           hepta_signal_guard(w->stays, PAGE, write_byte, w->stays, NULL) != 7;
}

static void *works(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < N_FAULTS; i++)
        w->n_wrong += one_fault(w, i);
    return NULL;
}

static void test_own_guards(void **state)
{
    struct sigaction before[2], after[2];
    struct worker w[N_THREADS];
    (void)state;
    sigaction(SIGSEGV, NULL, &before[0]);
    sigaction(SIGBUS, NULL, &before[1]);
    for (int i = 0; i < N_THREADS; i++) {
        w[i] = (struct worker){.gives_way = i % 2 ? cut_file(1, 0) : no_access(1),
                               .stays = cut_file(1, 1)};
        assert_int_equal(pthread_create(&w[i].thread, NULL, works, &w[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].n_wrong, 0);
        munmap(w[i].gives_way, PAGE);
        munmap(w[i].stays, PAGE);
    }
    sigaction(SIGSEGV, NULL, &after[0]);
    sigaction(SIGBUS, NULL, &after[1]);
    assert_true(same_action(&before[0], &after[0]));
    assert_true(same_action(&before[1], &after[1]));
}

/* A guard is for its thread: another's fault in the range isn't its business. */
static uint32_t stage;

static int stays_inside(void *arg)
{
    (void)arg;
    unit_say(&stage, 1);
    unit_await(&stage, 1);
    return 4;
}

static void *guards(void *page)
{
    return (void *)(intptr_t)hepta_signal_guard(page, PAGE, stays_inside, NULL, NULL);
}

static void test_not_for_others(void **state)
{
    struct sigaction old;
    char *p = no_access(1);
    pthread_t t;
    void *r;
    (void)state;
    sigaction(SIGSEGV, NULL, &old);
    host_installs(SIGSEGV, host_mends, 0);
    assert_int_equal(pthread_create(&t, NULL, guards, p), 0);
    unit_await(&stage, 0);
    assert_int_equal(write_byte(p), 7);
    assert_int_equal(host_calls, 1);
    unit_say(&stage, 2);
    pthread_join(t, &r);
    assert_int_equal((intptr_t)r, 4);
    sigaction(SIGSEGV, &old, NULL);
    munmap(p, PAGE);
}

/* A child of a process whose other threads have guards, which it hasn't. */
static int child_guards(void *page)
{
    for (int i = 0; i < 10; i++)
        CHILD_CHECK(hepta_signal_guard(page, PAGE, read_byte, page, NULL) == -EFAULT);
    may_die();
    CHILD_CHECK(hepta_signal_guard(page, PAGE, read_byte, page, NULL) == -EFAULT);
    return unit_leave(0);
}

static void test_fork(void **state)
{
    char *p = no_access(1);
    pthread_t t;
    void *r;
    (void)state;
    unit_say(&stage, 0);
    assert_int_equal(pthread_create(&t, NULL, guards, p), 0);
    unit_await(&stage, 0);
    assert_int_equal(unit_reap(unit_start(child_guards, p)), -SIGKILL);
    unit_say(&stage, 2);
    pthread_join(t, &r);
    assert_int_equal((intptr_t)r, 4);
    munmap(p, PAGE);
}

/* --- a file that somebody cuts and extends again, all the time ------------------------- */

static struct {
    char *map;
    int fd;
    uint32_t over;
    struct h7_a64 n_good, n_ended;
} file;

static void *cuts(void *arg)
{
    (void)arg;
    while (__atomic_load_n(&file.over, __ATOMIC_ACQUIRE) == 0) {
        if (ftruncate(file.fd, 0) != 0)
            return NULL;
        unit_sleep_ms(1);
        if (ftruncate(file.fd, (off_t)PAGE) != 0)
            return NULL;
        unit_sleep_ms(1);
    }
    return &file;
}

static int reads_all(void *map)
{
    int sum = 0;
    for (size_t i = 0; i < PAGE; i += 64)
        sum += read_byte((char *)map + i);
    madvise(map, PAGE, MADV_DONTNEED); /* or a page that was there stays in reach of the reader */
    return sum;
}

static void *reads(void *arg)
{
    while (h7_load64_relaxed(&file.n_ended) < 50 || h7_load64_relaxed(&file.n_good) < 50) {
        int r = hepta_signal_guard(file.map, PAGE, reads_all, file.map, NULL);
        if (r != 0 && r != -EFAULT)
            return NULL;
        h7_add64_relaxed(r == 0 ? &file.n_good : &file.n_ended, 1);
    }
    return arg;
}

static void test_comes_and_goes(void **state)
{
    pthread_t t[4], cutter;
    void *r;
    (void)state;
    file.fd = h7_sys_memfd("cut");
    assert_int_equal(ftruncate(file.fd, (off_t)PAGE), 0);
    file.map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file.fd, 0);
    assert_true(file.map != MAP_FAILED);
    assert_int_equal(pthread_create(&cutter, NULL, cuts, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, reads, &file), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], &r);
        assert_ptr_equal(r, &file);
    }
    unit_say(&file.over, 1);
    pthread_join(cutter, &r);
    assert_ptr_equal(r, &file);
    munmap(file.map, PAGE);
    close(file.fd);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_own_guards),
    cmocka_unit_test(test_not_for_others),
    cmocka_unit_test(test_fork),
    cmocka_unit_test(test_comes_and_goes),
};

UNIT_MAIN(tests)
