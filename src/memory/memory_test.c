/* SPDX-License-Identifier: MIT */
/*
 * memory/memory_test.c - named segments: making, opening, permissions, growing, who has them
 */
#define _GNU_SOURCE
#include "memory/memory_test.h"

#include <pthread.h>

static void test_life(void **state)
{
    struct hepta_shm *a, *b;
    (void)state;
    assert_int_equal(shm_make("/s", MAKE, 5000, &a), 0);
    char *p = hepta_shm_data(a);
    assert_int_equal(hepta_shm_len(a), 2 * PAGE);
    assert_int_equal((uintptr_t)p % PAGE, 0);
    for (size_t i = 0; i < 2 * PAGE; i++)
        assert_int_equal(p[i], 0);
    strcpy(p, "hello");
    assert_int_equal(shm_make("/s", MAKE, 1, &b), -EEXIST);
    assert_null(b);
    assert_int_equal(shm_make("/s", HEPTA_SHM_WRITE | HEPTA_SHM_CREATE, 1, &b), 0);
    char *q = hepta_shm_data(b);
    assert_ptr_not_equal(p, q);
    assert_string_equal(q, "hello");
    assert_int_equal(hepta_shm_len(b), 2 * PAGE); /* that of who made it */
    q[2 * PAGE - 1] = 'x';
    assert_int_equal(p[2 * PAGE - 1], 'x');
    assert_int_equal(hepta_shm_close(a), 0);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    assert_string_equal(q, "hello"); /* the memory is there until nobody has it */
    assert_int_equal(hepta_shm_unlink("/s"), -ENOENT);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &a), -ENOENT);
    assert_int_equal(shm_make("/s", MAKE, 1, &a), 0); /* another one */
    assert_int_equal(*(char *)hepta_shm_data(a), 0);
    assert_int_equal(hepta_shm_close(b), 0);
    assert_int_equal(hepta_shm_close(a), 0);
    assert_int_equal(shm_look("/s", 0), 0); /* until it is unlinked */
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    assert_int_equal(names_count(""), 0);
}

static void test_closed(void **state)
{
    struct hepta_shm *a;
    struct hepta_shm_stat st;
    (void)state;
    assert_int_equal(shm_make("/s", MAKE, 1, &a), 0);
    assert_int_equal(hepta_shm_close(a), 0);
    assert_int_equal(hepta_shm_close(a), -EBADF);
    assert_int_equal(hepta_shm_close(NULL), -EBADF);
    assert_null(hepta_shm_data(a));
    assert_int_equal(hepta_shm_len(a), 0);
    assert_int_equal(hepta_shm_grow(a, 0), -EBADF);
    assert_int_equal(hepta_shm_stat(a, &st), -EBADF);
    assert_int_equal(hepta_shm_users(a, NULL, 0), -EBADF);
    assert_int_equal(hepta_shm_export(a, 0), -EBADF);
}

static void test_arguments(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(1, 0);
    (void)state;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, NULL), -EFAULT);
    assert_int_equal(hepta_shm_open(NULL, MAKE, 0600, &opt, &s), -EFAULT);
    assert_int_equal(hepta_shm_open("s", MAKE, 0600, &opt, &s), -EINVAL);
    assert_int_equal(hepta_shm_open("/s/t", MAKE, 0600, &opt, &s), -EINVAL);
    assert_int_equal(hepta_shm_open("/s", 1, 0600, &opt, &s), -EINVAL);
    assert_int_equal(hepta_shm_open("/s", MAKE | HEPTA_SHM_FIXED, 0600, &opt, &s), -EINVAL);
    assert_int_equal(hepta_shm_open("/s", MAKE, 01600, &opt, &s), -EINVAL);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, NULL, &s), -EINVAL);
    opt = shm_opt(0, 0);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -EINVAL);
    opt = shm_opt(8192, 4096);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -EINVAL);
    opt = shm_opt(HEPTA_SHM_SIZE_MAX + 1, 0);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -EINVAL);
    opt = shm_opt(1, HEPTA_SHM_SIZE_MAX + 1);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -EINVAL);
    opt = shm_opt(1, 0);
    opt.size = 0;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -EINVAL);
    opt = shm_opt(1, 0);
    opt.reserved = 1;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -E2BIG);
    opt = shm_opt(HEPTA_SHM_SIZE_MAX, 0); /* more than there is: at once, and nobody is killed */
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), -ENOSPC);
    assert_null(s);
    assert_int_equal(hepta_shm_unlink(NULL), -EFAULT);
    assert_int_equal(hepta_shm_unlink("s"), -EINVAL);
    assert_int_equal(names_count(""), 0);
}

static mode_t mode_of(const char *part)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/shm.s/%s", names_path, part);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void test_umask(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(1, 0);
    (void)state;
    umask(027);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0666, &opt, &s), 0);
    umask(022);
    assert_int_equal(mode_of("data"), 0640);
    assert_int_equal(mode_of("control"), 0640);
    assert_int_equal(mode_of(""), 0750);
    hepta_shm_close(s);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    umask(0777);
    assert_int_equal(hepta_shm_open("/s", MAKE, 0666, &opt, &s), 0);
    umask(022);
    assert_int_equal(mode_of("data"), 0);
    *(char *)hepta_shm_data(s) = 1; /* its maker has it all the same */
    hepta_shm_close(s);
}

struct asked {
    mode_t mode;
    int read, write;
};

static int as_nobody(void *arg)
{
    const struct asked *a = arg;
    struct hepta_shm *s;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    int r = hepta_shm_open("/s", 0, 0, NULL, &s);
    CHILD_CHECK(r == a->read);
    if (r == 0) {
        CHILD_CHECK(*(char *)hepta_shm_data(s) == 7);
        CHILD_CHECK(hepta_shm_grow(s, 2 * PAGE) == -ENOMEM);
        CHILD_CHECK(hepta_shm_export(s, HEPTA_SHM_WRITE) == -EACCES);
    }
    CHILD_CHECK(hepta_shm_open("/s", HEPTA_SHM_WRITE, 0, NULL, &s) == a->write);
    return 0;
}

static void test_permissions(void **state)
{
    static const struct asked modes[] = {{0600, -EACCES, -EACCES},
                                         {0604, 0, -EACCES},
                                         {0602, -EACCES, -EACCES}, /* to map takes reading */
                                         {0606, 0, 0}};
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(1, 0);
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    for (unsigned i = 0; i < 4; i++) {
        umask(0);
        assert_int_equal(hepta_shm_open("/s", MAKE, modes[i].mode, &opt, &s), 0);
        *(char *)hepta_shm_data(s) = 7;
        unit_in_child(as_nobody, (void *)(uintptr_t)&modes[i]);
        hepta_shm_close(s);
        assert_int_equal(hepta_shm_unlink("/s"), 0);
    }
}

static int touch(void *arg)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)arg = 1;
    return 0;
}

static void test_read_only(void **state)
{
    struct hepta_shm *w, *r;
    struct hepta_shm_options opt = shm_opt(PAGE, 0);
    (void)state;
    assert_int_equal(shm_make("/s", MAKE, PAGE, &w), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &r), 0);
    *(char *)hepta_shm_data(w) = 3;
    assert_int_equal(*(char *)hepta_shm_data(r), 3);
    assert_int_equal(unit_reap(unit_start(touch, hepta_shm_data(r))), -SIGSEGV);
    assert_int_equal(hepta_shm_grow(r, 2 * PAGE), -ENOMEM);
    assert_int_equal(hepta_shm_grow(r, PAGE), 0);
    hepta_shm_close(r);
    opt = shm_opt(0, 4 * PAGE);
    assert_int_equal(hepta_shm_open("/s", 0, 0, &opt, &r), 0);
    assert_int_equal(hepta_shm_grow(r, 2 * PAGE), -EACCES);
    assert_int_equal(hepta_shm_len(r), PAGE);
    hepta_shm_close(r);
    hepta_shm_close(w);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    /* Made by who only reads it: zeros. */
    assert_int_equal(shm_make("/s", HEPTA_SHM_CREATE, PAGE, &r), 0);
    assert_int_equal(*(char *)hepta_shm_data(r), 0);
    assert_int_equal(unit_reap(unit_start(touch, hepta_shm_data(r))), -SIGSEGV);
    hepta_shm_close(r);
}

static void test_grow(void **state)
{
    struct hepta_shm *a, *b;
    struct hepta_shm_stat st;
    struct hepta_shm_options opt = shm_opt(PAGE, 16 * PAGE);
    (void)state;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &a), 0);
    assert_int_equal(hepta_shm_open("/s", HEPTA_SHM_WRITE, 0, &opt, &b), 0);
    char *p = hepta_shm_data(a), *q = hepta_shm_data(b);
    assert_int_equal(unit_reap(unit_start(touch, p + PAGE)), -SIGSEGV);
    assert_int_equal(hepta_shm_grow(a, 3 * PAGE - 1), 0);
    assert_int_equal(hepta_shm_len(a), 3 * PAGE);
    assert_ptr_equal(hepta_shm_data(a), p);
    assert_int_equal(p[3 * PAGE - 1], 0);
    memset(p, 5, 3 * PAGE);
    assert_int_equal(hepta_shm_stat(b, &st), 0);
    assert_int_equal(st.len, 3 * PAGE);
    assert_int_equal(st.mapped, PAGE);
    assert_int_equal(hepta_shm_grow(b, 0), 0);
    assert_int_equal(hepta_shm_len(b), 3 * PAGE);
    assert_int_equal(q[3 * PAGE - 1], 5);
    assert_int_equal(hepta_shm_grow(b, 2 * PAGE), -EINVAL);
    assert_int_equal(hepta_shm_grow(b, 17 * PAGE), -ENOMEM);
    assert_int_equal(hepta_shm_grow(b, UINT64_MAX), -ENOMEM);
    assert_int_equal(hepta_shm_grow(b, 16 * PAGE), 0);
    assert_int_equal(hepta_shm_grow(a, 8 * PAGE), 0); /* at least that */
    assert_int_equal(hepta_shm_len(a), 16 * PAGE);
    p[16 * PAGE - 1] = 9;
    assert_int_equal(q[16 * PAGE - 1], 9);
    hepta_shm_close(a);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &a), 0);
    assert_int_equal(hepta_shm_len(a), 16 * PAGE);
    hepta_shm_close(a);
    hepta_shm_close(b);
}

struct growing {
    struct hepta_shm *shm;
    uint32_t stop;
};

/* All that hepta_shm_len() tells of can be read, at any moment. */
static void *read_all(void *arg)
{
    struct growing *g = arg;
    uint64_t sum = 0;
    while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
        size_t len = hepta_shm_len(g->shm);
        for (size_t i = 0; i < len; i += PAGE)
            sum += *(volatile unsigned char *)((char *)hepta_shm_data(g->shm) + i);
    }
    return sum ? arg : NULL;
}

static int grow_by_pages(void *arg)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(0, 256 * PAGE);
    (void)arg;
    CHILD_CHECK(hepta_shm_open("/s", HEPTA_SHM_WRITE, 0, &opt, &s) == 0);
    for (size_t n = 2; n <= 256; n++) {
        CHILD_CHECK(hepta_shm_grow(s, n * PAGE) == 0 || hepta_shm_len(s) > n * PAGE);
        memset((char *)hepta_shm_data(s) + (n - 1) * PAGE, 1, PAGE);
    }
    return 0;
}

/* Three processes grow it, of which this one has a reader of its own. */
static void test_grow_under_a_reader(void **state)
{
    struct growing g = {.stop = 0};
    struct hepta_shm_options opt = shm_opt(PAGE, 256 * PAGE);
    pthread_t thread;
    (void)state;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &g.shm), 0);
    pid_t a = unit_start(grow_by_pages, NULL), b = unit_start(grow_by_pages, NULL);
    assert_int_equal(pthread_create(&thread, NULL, read_all, &g), 0);
    for (size_t n = 2; n <= 256; n += 2)
        if (hepta_shm_len(g.shm) < n * PAGE)
            assert_int_equal(hepta_shm_grow(g.shm, n * PAGE), 0);
    __atomic_store_n(&g.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(unit_reap(a), 0);
    assert_int_equal(unit_reap(b), 0);
    assert_int_equal(hepta_shm_grow(g.shm, 0), 0);
    assert_int_equal(hepta_shm_len(g.shm), 256 * PAGE);
    hepta_shm_close(g.shm);
}

static int stay_attached(void *arg)
{
    struct hepta_shm *s;
    CHILD_CHECK(hepta_shm_open("/s", 0, 0, NULL, &s) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_users(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_stat st;
    pid_t pids[4] = {0}, me = getpid();
    uint32_t *ready = unit_shared(PAGE);
    (void)state;
    assert_int_equal(shm_make("/s", MAKE, PAGE, &s), 0);
    assert_int_equal(hepta_shm_users(s, pids, 4), 1);
    assert_int_equal(pids[0], me);
    assert_int_equal(hepta_shm_users(s, NULL, 4), -EFAULT);
    pid_t child = unit_start(stay_attached, ready);
    unit_await(ready, 0);
    assert_int_equal(hepta_shm_users(s, pids, 4), 2);
    assert_true((pids[0] == me && pids[1] == child) || (pids[0] == child && pids[1] == me));
    pids[1] = 0;
    assert_int_equal(hepta_shm_users(s, pids, 1), 2);
    assert_int_equal(pids[1], 0);
    assert_int_equal(hepta_shm_stat(s, &st), 0);
    assert_int_equal(st.users, 2);
    assert_int_equal(st.creator, me);
    assert_int_equal(st.flags, HEPTA_SHM_WRITE);
    assert_int_equal(hepta_shm_stat(s, NULL), -EFAULT);
    unit_kill(child);
    assert_int_equal(hepta_shm_users(s, NULL, 0), 1);
    hepta_shm_close(s);
}

static int use_in_child(void *arg)
{
    struct hepta_shm *s = arg;
    strcpy(hepta_shm_data(s), "child");
    CHILD_CHECK(hepta_shm_grow(s, 2 * PAGE) == 0);
    ((char *)hepta_shm_data(s))[PAGE] = 1;
    CHILD_CHECK(hepta_shm_close(s) == 0);
    return 0;
}

static void test_fork(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(PAGE, 2 * PAGE);
    (void)state;
    assert_int_equal(hepta_shm_open("/s", MAKE, 0600, &opt, &s), 0);
    unit_in_child(use_in_child, s);
    assert_string_equal(hepta_shm_data(s), "child");
    assert_int_equal(hepta_shm_len(s), PAGE);
    assert_int_equal(hepta_shm_grow(s, 0), 0);
    assert_int_equal(((char *)hepta_shm_data(s))[PAGE], 1);
    hepta_shm_close(s);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_life),        NAMES_TEST(test_closed),
    NAMES_TEST(test_arguments),   NAMES_TEST(test_umask),
    NAMES_TEST(test_permissions), NAMES_TEST(test_read_only),
    NAMES_TEST(test_grow),        NAMES_TEST(test_grow_under_a_reader),
    NAMES_TEST(test_users),       NAMES_TEST(test_fork),
};

NAMES_MAIN(tests)
