/* SPDX-License-Identifier: MIT */
/*
 * prim/life_test.c - the dead are found dead, and the living never declared so
 *
 * The kernel's reuse of a pid can't be waited for: another mark on a living pid is the
 * same to the code. The fallback to /proc is reached by a filter that forbids pidfd_open.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/self.h"
#include "prim/life.h"

/* Run with pidfds and without. */
static int life_of_a_child(void *arg)
{
    struct h7_life id, again, me;
    (void)arg;
    CHILD_CHECK(h7_life_of(getpid(), &me) == 0 && me.pid == (uint32_t)getpid());
    CHILD_CHECK(h7_life_alive(&me) == 1);
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(unit_stay());
    CHILD_CHECK(h7_life_of(pid, &id) == 0 && h7_life_of(pid, &again) == 0);
    CHILD_CHECK(id.pid == (uint32_t)pid && id.mark == again.mark);
    CHILD_CHECK(h7_life_alive(&id) == 1);

    struct h7_life reused = id;
    reused.mark ^= 1; /* somebody else had this pid before */
    CHILD_CHECK(h7_life_alive(&reused) == 0);

    kill(pid, SIGKILL);
    siginfo_t info;
    CHILD_CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    CHILD_CHECK(h7_life_alive(&id) == 0); /* a zombie */
    CHILD_CHECK(h7_life_of(pid, &again) == -ESRCH);
    CHILD_CHECK(unit_reap(pid) == -SIGKILL);
    CHILD_CHECK(h7_life_alive(&id) == 0); /* gone */
    CHILD_CHECK(h7_life_of(pid, &again) == -ESRCH);
    return 0;
}

static void test_alive_zombie_gone_reused(void **state)
{
    (void)state;
    unit_in_child(life_of_a_child, NULL);
}

static int without_pidfd(void *arg)
{
    struct h7_life id;
    if (unit_forbid(SYS_pidfd_open, *(int *)arg) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_life_of(getpid(), &id) == 0);
    CHILD_CHECK(id.mark & H7_LIFE_START_TIME);
    return life_of_a_child(NULL);
}

static void test_the_same_from_proc(void **state)
{
    int old_kernel = ENOSYS, container = EPERM;
    (void)state;
    unit_in_child(without_pidfd, &old_kernel);
    unit_in_child(without_pidfd, &container);
}

/* proc(5): the name stands before the fields and may look like them. */
static int odd_name(void *arg)
{
    struct h7_life id;
    (void)arg;
    if (unit_forbid(SYS_pidfd_open, ENOSYS) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_life_of(getpid(), &id) == 0);
    CHILD_CHECK(prctl(PR_SET_NAME, "a) Z 1 (b) X 2") == 0);
    CHILD_CHECK(h7_life_alive(&id) == 1);
    return 0;
}

static void test_name_with_parentheses(void **state)
{
    (void)state;
    unit_in_child(odd_name, NULL);
}

/* A process that sees pidfds judges a mark of one that doesn't, and the other way round. */
static int judge_across(void *arg)
{
    struct h7_life with, without;
    (void)arg;
    CHILD_CHECK(h7_life_of(getppid(), &with) == 0);
    if (with.mark & H7_LIFE_START_TIME)
        return UNIT_SKIP;
    pid_t pid = unit_fork();
    if (pid == 0) {
        if (unit_forbid(SYS_pidfd_open, ENOSYS) != 0)
            _exit(UNIT_SKIP);
        CHILD_CHECK(h7_life_of(getpid(), &without) == 0);
        CHILD_CHECK(h7_life_alive(&with) == 1); /* can't compare: not declared dead */
        _exit(0);
    }
    CHILD_CHECK(unit_reap(pid) == 0);
    pid = unit_fork();
    if (pid == 0)
        _exit(unit_stay());
    struct h7_life id = {.pid = (uint32_t)pid, .mark = H7_LIFE_START_TIME | 1};
    CHILD_CHECK(h7_life_alive(&id) == 0); /* started at boot? another one */
    kill(pid, SIGKILL);
    return unit_reap(pid) == -SIGKILL ? 0 : 1;
}

static void test_both_kinds_of_mark(void **state)
{
    (void)state;
    unit_in_child(judge_across, NULL);
}

static void test_no_such_process(void **state)
{
    const uint32_t pids[] = {0, 0x3fffffff, UINT32_MAX, 0x80000000u};
    (void)state;
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        struct h7_life id = {.pid = pids[i], .mark = 1};
        assert_int_equal(h7_life_alive(&id), 0);
        assert_int_equal(h7_life_of((pid_t)pids[i], &id), -ESRCH);
    }
}

static uint32_t thread_id;

static void *thread_that_stays(void *arg)
{
    unit_say(&thread_id, (uint32_t)syscall(SYS_gettid));
    unit_await(arg, 0);
    return NULL;
}

/* A dead owner's pid can come back as a thread's id: that isn't the process either. */
static void test_thread_id_is_no_process(void **state)
{
    pthread_t t;
    uint32_t go = 0;
    struct h7_life id;
    (void)state;
    assert_int_equal(h7_life_of(getpid(), &id), 0);
    assert_int_equal(pthread_create(&t, NULL, thread_that_stays, &go), 0);
    unit_await(&thread_id, 0);
    id = (struct h7_life){.pid = thread_id, .mark = (id.mark & H7_LIFE_START_TIME) | 1};
    int alive = h7_life_alive(&id);
    unit_say(&go, 1);
    pthread_join(t, NULL);
    assert_int_equal(alive, 0);
}

/* A thread has a mark of its own, which ends with it. */
static void test_of_a_thread(void **state)
{
    pthread_t t;
    uint32_t go = 0;
    uint64_t mine, again, other, start;
    (void)state;
    unit_say(&thread_id, 0);
    assert_int_equal(pthread_create(&t, NULL, thread_that_stays, &go), 0);
    unit_await(&thread_id, 0);
    pid_t tid = (pid_t)thread_id;
    int r = h7_life_of_thread(getpid(), 0, &mine);
    if (r == 0) {
        assert_int_equal(h7_life_of_thread(getpid(), 0, &again), 0);
        assert_int_equal(h7_life_of_thread(tid, 0, &other), 0);
        assert_true(mine == again && mine != other);
    } else {
        assert_int_equal(r, -ENOSYS); /* before Linux 6.9 */
    }
    assert_int_equal(h7_life_of_thread(tid, H7_LIFE_START_TIME, &start), 0);
    assert_true(start & H7_LIFE_START_TIME);
    unit_say(&go, 1);
    pthread_join(t, NULL);
    for (int i = 0; i < 1000 && kill(tid, 0) == 0; i++)
        unit_sleep_ms(1); /* until the kernel has let go of it */
    assert_true(r != 0 || h7_life_of_thread(tid, 0, &other) == -ESRCH);
    assert_int_equal(h7_life_of_thread(tid, H7_LIFE_START_TIME, &start), -ESRCH);
}

static int self_is_the_child(void *arg)
{
    const struct h7_life *parent = arg;
    struct h7_life me, again, seen;
    CHILD_CHECK(h7_life_self(&me) == 0); /* before h7_self(): not cached */
    CHILD_CHECK(me.pid == (uint32_t)getpid() && me.pid != parent->pid);
    CHILD_CHECK(h7_self());
    CHILD_CHECK(h7_life_self(&again) == 0 && h7_life_self(&again) == 0);
    CHILD_CHECK(again.pid == me.pid && again.mark == me.mark);
    CHILD_CHECK(h7_life_of(getpid(), &seen) == 0 && seen.mark == me.mark);
    CHILD_CHECK(h7_life_alive(parent) == 1);
    return 0;
}

static void test_self_over_fork(void **state)
{
    struct h7_life me, again;
    (void)state;
    assert_non_null(h7_self());
    assert_int_equal(h7_life_self(&me), 0);
    assert_int_equal(me.pid, getpid());
    unit_in_child(self_is_the_child, &me);
    assert_int_equal(h7_life_self(&again), 0);
    assert_true(again.pid == me.pid && again.mark == me.mark);
}

static int as_nobody(void *arg)
{
    struct h7_life root = {.pid = 1}, *parent = arg;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(h7_life_alive(parent) == 1);
    CHILD_CHECK(h7_life_of(1, &root) == 0 && h7_life_alive(&root) == 1);
    return 0;
}

static void test_another_users_process(void **state)
{
    struct h7_life me;
    (void)state;
    assert_int_equal(h7_life_of(getpid(), &me), 0);
    unit_in_child(as_nobody, &me);
}

/* No descriptor left: can't be found out, so nobody is declared dead. */
static int without_descriptors(void *arg)
{
    struct h7_life wrong, id;
    (void)arg;
    CHILD_CHECK(h7_life_of(getppid(), &wrong) == 0);
    wrong.mark ^= 1;
    CHILD_CHECK(h7_life_alive(&wrong) == 0);
    CHILD_CHECK(unit_no_descriptors() == 0);
    CHILD_CHECK(h7_life_of(getppid(), &id) == -EMFILE);
    CHILD_CHECK(h7_life_alive(&wrong) == 1);
    return 0;
}

static int lives_for_nobody(struct h7_life *id)
{
    pid_t pid = unit_fork();
    if (pid == 0) {
        CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        _exit(h7_life_alive(id));
    }
    return unit_reap(pid);
}

/* A /proc that hides others' processes, and no pidfds. */
static int hidden(void *arg)
{
    struct h7_life id;
    (void)arg;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=invisible") != 0 ||
        unit_forbid(SYS_pidfd_open, EPERM) != 0)
        return UNIT_SKIP;
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(unit_stay());
    int r = h7_life_of(pid, &id);
    int living = lives_for_nobody(&id);
    kill(pid, SIGKILL);
    CHILD_CHECK(unit_reap(pid) == -SIGKILL);
    CHILD_CHECK(r == 0 && living == 1 && lives_for_nobody(&id) == 0);
    return 0;
}

static void test_a_hidden_process(void **state)
{
    (void)state;
    unit_in_child(hidden, NULL);
}

static void test_no_descriptor_left(void **state)
{
    (void)state;
    unit_in_child(without_descriptors, NULL);
}

static void *stays(void *arg)
{
    unit_stay();
    return arg;
}

static char state_of(pid_t pid)
{
    char path[32], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%*d %*[^)]) %c", &state) != 1)
        state = 0;
    if (f)
        fclose(f);
    return state;
}

/* Its main thread has exited, another goes on; no pidfds. */
static int headless(void *arg)
{
    struct h7_life before, id = {0};
    uint64_t mark;
    (void)arg;
    if (unit_forbid(SYS_pidfd_open, ENOSYS) != 0)
        return UNIT_SKIP;
    pid_t pid = unit_fork();
    if (pid == 0) {
        pthread_t t;
        CHILD_CHECK(pthread_create(&t, NULL, stays, NULL) == 0);
        pthread_exit(NULL);
    }
    CHILD_CHECK(h7_life_of(pid, &before) == 0);
    while (state_of(pid) != 'Z')
        unit_sleep_ms(1);
    CHILD_CHECK(h7_life_of_thread(pid, 0, &mark) == -ENOSYS);
    CHILD_CHECK(h7_life_of_thread(pid, H7_LIFE_START_TIME, &mark) == -ESRCH);
    int r = h7_life_of(pid, &id), living = h7_life_alive(&before);
    kill(pid, SIGKILL);
    siginfo_t info;
    CHILD_CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    int dead = !h7_life_alive(&before); /* a zombie, all of it */
    CHILD_CHECK(unit_reap(pid) == -SIGKILL);
    CHILD_CHECK(r == 0 && id.mark == before.mark && living && dead);
    return 0;
}

static void test_a_main_thread_that_has_exited(void **state)
{
    (void)state;
    unit_in_child(headless, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_alive_zombie_gone_reused), cmocka_unit_test(test_the_same_from_proc),
    cmocka_unit_test(test_name_with_parentheses),    cmocka_unit_test(test_both_kinds_of_mark),
    cmocka_unit_test(test_no_such_process),          cmocka_unit_test(test_thread_id_is_no_process),
    cmocka_unit_test(test_of_a_thread),
    cmocka_unit_test(test_self_over_fork),           cmocka_unit_test(test_another_users_process),
    cmocka_unit_test(test_a_hidden_process),
    cmocka_unit_test(test_a_main_thread_that_has_exited),
    cmocka_unit_test(test_no_descriptor_left),
};

UNIT_MAIN(tests)
