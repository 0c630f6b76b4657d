/* SPDX-License-Identifier: MIT */
/*
 * memory/auto_test.c - HEPTA_SHM_AUTO: a segment is there as long as somebody has it, and no longer
 */
#define _GNU_SOURCE
#include "memory/memory_test.h"

#include <sys/file.h>

#define AUTO (MAKE | HEPTA_SHM_AUTO)

static int make_and_stay(void *arg)
{
    struct hepta_shm *s;
    CHILD_CHECK(shm_make("/s", AUTO, PAGE, &s) == 0);
    *(char *)hepta_shm_data(s) = 5;
    unit_say(arg, 1);
    return unit_stay();
}

static pid_t start_maker(uint32_t *ready)
{
    unit_say(ready, 0);
    pid_t pid = unit_start(make_and_stay, ready);
    unit_await(ready, 0);
    return pid;
}

static void test_close(void **state)
{
    struct hepta_shm *a, *b;
    struct hepta_shm_stat st;
    (void)state;
    assert_int_equal(shm_make("/s", AUTO, PAGE, &a), 0);
    assert_int_equal(shm_make("/s", AUTO, PAGE, &b), -EEXIST);
    assert_int_equal(hepta_shm_open("/s", HEPTA_SHM_WRITE, 0, NULL, &b), 0);
    assert_int_equal(hepta_shm_stat(b, &st), 0);
    assert_int_equal(st.flags, HEPTA_SHM_WRITE | HEPTA_SHM_AUTO);
    *(char *)hepta_shm_data(a) = 4;
    hepta_shm_close(a);
    assert_int_equal(shm_look("/s", 4), 0);
    hepta_shm_close(b);
    assert_int_equal(names_count(""), 0); /* at once */
    assert_int_equal(shm_look("/s", 4), -ENOENT);
    assert_int_equal(hepta_shm_unlink("/s"), -ENOENT);
    /* Of one that isn't AUTO, a later opener can't make one. */
    assert_int_equal(shm_make("/s", MAKE, PAGE, &a), 0);
    hepta_shm_close(a);
    assert_int_equal(shm_make("/s", HEPTA_SHM_CREATE | HEPTA_SHM_AUTO, PAGE, &a), 0);
    assert_int_equal(hepta_shm_stat(a, &st), 0);
    assert_int_equal(st.flags, 0);
    hepta_shm_close(a);
    assert_int_equal(shm_look("/s", 0), 0);
}

static void test_unlink(void **state)
{
    struct hepta_shm *a, *b;
    (void)state;
    assert_int_equal(shm_make("/s", AUTO, PAGE, &a), 0);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    assert_int_equal(shm_make("/s", AUTO, PAGE, &b), 0); /* another */
    *(char *)hepta_shm_data(a) = 1;
    *(char *)hepta_shm_data(b) = 2;
    hepta_shm_close(a);
    assert_int_equal(shm_look("/s", 2), 0);
    hepta_shm_close(b);
    assert_int_equal(names_count(""), 0);
}

/* After SIGKILL: nobody can open it, and whoever looks removes it. */
static void test_killed(void **state)
{
    uint32_t *ready = unit_shared(PAGE);
    struct hepta_shm *s;
    (void)state;
    unit_kill(start_maker(ready));
    assert_int_equal(names_count("shm."), 1);
    assert_int_equal(shm_look("/s", 5), -ENOENT);
    assert_int_equal(names_count(""), 0);
    unit_kill(start_maker(ready));
    assert_int_equal(hepta_shm_unlink("/s"), -ENOENT);
    assert_int_equal(names_count(""), 0);
    unit_kill(start_maker(ready));
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0); /* EXCL: there is none */
    assert_int_equal(*(char *)hepta_shm_data(s), 0);
    hepta_shm_close(s);
    unit_kill(start_maker(ready));
    assert_int_equal(shm_make("/s", HEPTA_SHM_CREATE | HEPTA_SHM_WRITE, PAGE, &s), 0);
    assert_int_equal(*(char *)hepta_shm_data(s), 0);
    hepta_shm_close(s);
    assert_int_equal(hepta_shm_unlink("/s"), 0);
    /* By who makes another. */
    unit_kill(start_maker(ready));
    h7_shm_sweep(1);
    assert_int_equal(names_count(""), 0);
    /* As long as another has it, it stays. */
    pid_t pid = start_maker(ready);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &s), 0);
    unit_kill(pid);
    h7_shm_sweep(1);
    assert_int_equal(shm_look("/s", 5), 0);
    hepta_shm_close(s);
    assert_int_equal(names_count(""), 0);
}

static int hold_without_descriptors(void *arg)
{
    struct hepta_shm *s;
    CHILD_CHECK(hepta_shm_open("/s", 0, 0, NULL, &s) == 0);
    for (int fd = 3; fd < 100; fd++) /* as daemons do */
        close(fd);
    unit_say(arg, 1);
    unit_await(arg, 1);
    CHILD_CHECK(*(char *)hepta_shm_data(s) == 6);
    return 0;
}

static void test_mapping_holds(void **state)
{
    struct hepta_shm *s;
    uint32_t *word = unit_shared(PAGE);
    (void)state;
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
    *(char *)hepta_shm_data(s) = 6;
    pid_t pid = unit_start(hold_without_descriptors, word);
    unit_await(word, 0);
    hepta_shm_close(s);
    assert_int_equal(shm_look("/s", 6), 0);
    unit_say(word, 2);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(shm_look("/s", 6), -ENOENT);
}

/* Another handle of the same file, closed, takes nothing away. */
static void test_other_handles(void **state)
{
    struct hepta_shm *s;
    (void)state;
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(shm_look("/s", 0), 0);
    int fd = hepta_shm_export(s, 0);
    close(fd);
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(shm_look("/s", 0) != 0);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(shm_look("/s", 0), 0);
    hepta_shm_close(s);
    assert_int_equal(names_count(""), 0);
}

static int child_of_a_fork(void *arg)
{
    uint32_t *word = arg;
    unit_say(word, 1);
    unit_await(word, 1);
    return 0;
}

static void test_fork(void **state)
{
    struct hepta_shm *s;
    uint32_t *word = unit_shared(PAGE);
    (void)state;
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
    *(char *)hepta_shm_data(s) = 3;
    pid_t pid = unit_start(child_of_a_fork, word);
    unit_await(word, 0);
    hepta_shm_close(s);
    assert_int_equal(shm_look("/s", 3), 0); /* the child has it */
    unit_say(word, 2);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(shm_look("/s", 3), -ENOENT);
    /* A child that closes what it inherited leaves it to the parent. */
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
    pid = unit_fork();
    if (pid == 0)
        _exit(hepta_shm_close(s) != 0);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(shm_look("/s", 0), 0);
    hepta_shm_close(s);
    assert_int_equal(names_count(""), 0);
}

static void test_exec(void **state)
{
    uint32_t *word = unit_shared(PAGE);
    struct hepta_shm *s;
    (void)state;
    pid_t pid = unit_fork();
    if (pid == 0) {
        if (shm_make("/s", AUTO, PAGE, &s) != 0)
            _exit(1);
        unit_say(word, 1);
        execl("/bin/sleep", "sleep", "60", NULL);
        _exit(1);
    }
    unit_await(word, 0);
    int r = 0;
    for (int i = 0; i < 1000 && (r = shm_look("/s", 0)) == 0; i++)
        unit_sleep_ms(5); /* until it has got to it */
    assert_int_equal(r, -ENOENT); /* though the process is there */
    unit_kill(pid);
}

/* A descriptor that is on its way keeps it alive, too. */
static void test_export(void **state)
{
    struct hepta_shm *s;
    struct hepta_shm_stat st;
    (void)state;
    for (uint32_t flags = 0; flags <= HEPTA_SHM_WRITE; flags += HEPTA_SHM_WRITE) {
        assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
        *(char *)hepta_shm_data(s) = 2;
        int fd = hepta_shm_export(s, flags);
        assert_true(fd >= 0);
        hepta_shm_close(s);
        assert_int_equal(shm_look("/s", 2), 0);
        assert_int_equal(hepta_shm_import(fd, flags, NULL, &s), 0);
        close(fd);
        assert_int_equal(hepta_shm_stat(s, &st), 0);
        assert_int_equal(st.flags, flags | HEPTA_SHM_AUTO);
        assert_int_equal(st.creator, getpid());
        assert_int_equal(shm_look("/s", 2), 0);
        hepta_shm_close(s);
        assert_int_equal(names_count(""), 0);
    }
}

static int as_nobody(void *arg)
{
    struct hepta_shm *s;
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(shm_look("/s", 5) == -ENOENT); /* though it can't remove it */
    CHILD_CHECK(shm_make("/s", HEPTA_SHM_CREATE, PAGE, &s) == -EACCES);
    CHILD_CHECK(shm_make("/s", HEPTA_SHM_CREATE | HEPTA_SHM_EXCL, PAGE, &s) == -EEXIST);
    return 0;
}

static int nobody_opens(void *arg)
{
    struct hepta_shm *s;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_shm_open("/s", 0, 0, NULL, &s) == 0);
    unit_say(arg, 2);
    return unit_stay();
}

static int make_for_all(void *arg)
{
    struct hepta_shm *s;
    struct hepta_shm_options opt = shm_opt(PAGE, 0);
    umask(0);
    CHILD_CHECK(hepta_shm_open("/s", AUTO, 0444, &opt, &s) == 0);
    *(char *)hepta_shm_data(s) = 5;
    unit_say(arg, 1);
    return unit_stay();
}

static void test_other_users(void **state)
{
    uint32_t *word = unit_shared(PAGE);
    (void)state;
    assert_int_equal(fchmod(names_dir, 01777), 0);
    pid_t pid = unit_start(make_for_all, word), reader;
    unit_await(word, 0);
    reader = unit_start(nobody_opens, word);
    unit_await(word, 1);
    unit_kill(pid);
    assert_int_equal(shm_look("/s", 5), 0); /* who may only read it keeps it as well */
    unit_kill(reader);
    unit_in_child(as_nobody, NULL);
    assert_int_equal(shm_look("/s", 5), -ENOENT);
    assert_int_equal(names_count(""), 0);
}

/* A remover that was stopped with the gate locked. */
static void test_gate(void **state)
{
    struct hepta_shm *s, *t;
    uint32_t *ready = unit_shared(PAGE);
    (void)state;
    unit_kill(start_maker(ready));
    int dir = openat(names_dir, "shm.s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(dir, "control", O_RDWR | O_CLOEXEC);
    assert_int_equal(h7_sys_lock_byte(fd, F_WRLCK, H7_SHM_LOCK_AT), 0);
    assert_int_equal(shm_look("/s", 5), -ENOENT); /* nobody has it: that much is certain */
    int64_t t0 = hepta_now_ns();
    assert_int_equal(shm_make("/s", HEPTA_SHM_CREATE, PAGE, &s), -ETIMEDOUT);
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), -EEXIST);
    assert_true(hepta_now_ns() - t0 < 5000000000);
    h7_sys_lock_byte(fd, F_UNLCK, H7_SHM_LOCK_AT);
    assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
    close(fd);
    close(dir);
    /* An opener that was stopped in it: others open, nobody removes. */
    dir = openat(names_dir, "shm.s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = openat(dir, "control", O_RDONLY | O_CLOEXEC);
    assert_int_equal(h7_shm_enter_gate(fd), 0);
    assert_int_equal(hepta_shm_open("/s", 0, 0, NULL, &t), 0);
    hepta_shm_close(t);
    hepta_shm_close(s);
    assert_int_equal(names_count("shm."), 1);
    h7_shm_leave_gate(fd);
    assert_int_equal(shm_look("/s", 5), -ENOENT);
    assert_int_equal(names_count(""), 0);
    close(fd);
    close(dir);
}

/* A remover killed half-way (A4): what is left is nobody's. */
static void test_half_removed(void **state)
{
    struct hepta_shm *s;
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(shm_make("/s", AUTO, PAGE, &s), 0);
        int dir = openat(names_dir, "shm.s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(unlinkat(dir, "control", 0), 0);
        if (i & 1)
            assert_int_equal(unlinkat(dir, "data", 0), 0);
        close(dir);
        if (i & 2)
            assert_int_equal(shm_look("/s", 0), -ENOENT);
        hepta_shm_close(s);
        assert_int_equal(names_count(""), 0);
    }
}

/* What the name leads to, as long as this process has it: that, and no other. */
static int same_by_name(uint64_t *ours, uint64_t id)
{
    struct hepta_shm *again;
    uint64_t none = 0;
    __atomic_compare_exchange_n(ours, &none, id, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    int r = hepta_shm_open("/s", 0, 0, NULL, &again);
    if (r < 0)
        return r;
    if (*(uint64_t *)hepta_shm_data(again) != *ours)
        r = -EIO;
    hepta_shm_close(again);
    return r;
}

static int churn(void *arg)
{
    uint64_t n = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < 300; i++) {
        struct hepta_shm *s;
        int r = shm_make("/s", HEPTA_SHM_CREATE | HEPTA_SHM_WRITE | HEPTA_SHM_AUTO, PAGE, &s);
        if (r == -ETIMEDOUT) /* on a busy machine, of a process that was removing it */
            continue;
        CHILD_CHECK(r == 0);
        CHILD_CHECK(same_by_name(hepta_shm_data(s), (uint64_t)getpid() << 32 | (unsigned)i) == 0);
        if (i % 31 == (int)n % 31)
            raise(SIGKILL);
        CHILD_CHECK(hepta_shm_close(s) == 0);
    }
    return 0;
}

/* Opened, closed, killed, all at once: what a process has is always what its name leads to. */
static void test_churn(void **state)
{
    pid_t pids[6];
    (void)state;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 6; i++)
            pids[i] = unit_start(churn, (void *)(uintptr_t)(unsigned)(round + i * 3));
        for (int i = 0; i < 6; i++) {
            int r = unit_reap(pids[i]);
            assert_true(r == 0 || r == -SIGKILL);
        }
    }
    assert_int_equal(shm_look("/s", 0), -ENOENT);
    assert_int_equal(names_count("shm."), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_close),        NAMES_TEST(test_unlink),      NAMES_TEST(test_killed),
    NAMES_TEST(test_mapping_holds), NAMES_TEST(test_other_handles), NAMES_TEST(test_fork),
    NAMES_TEST(test_exec),         NAMES_TEST(test_export),      NAMES_TEST(test_other_users),
    NAMES_TEST(test_gate),         NAMES_TEST(test_half_removed), NAMES_TEST(test_churn),
};

NAMES_MAIN(tests)
