/* SPDX-License-Identifier: MIT */
/*
 * sysv/table_test.c - the table of ids: detach and removal under verbs that run, threads
 * that come and go, fork. With queues.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <poll.h>
#include <pthread.h>

#include "queue/sysv_internal.h"

#define KEY  0x77
#define SOON hepta_in_ms(20000)

static int make(void)
{
    int id = hepta_msg_get(IPC_PRIVATE, 0600, NULL);
    assert_true(id > 0);
    return id;
}

static int put(int id, long type)
{
    return hepta_msg_send(id, type, "x", 1, 0, HEPTA_NOW);
}

static ssize_t take(int id, int64_t deadline)
{
    char text[1];
    return hepta_msg_receive(id, NULL, text, 1, 0, 0, deadline);
}

static int n_fds(void)
{
    return names_count_in("/proc/self/fd", "");
}

/* Until so many sleep on the queue. */
static void await_sleepers(int id, uint32_t n)
{
    struct h7_msg *m;
    assert_int_equal(h7_msg_enter(id, &m), 0);
    while (h7_load32_relaxed(&m->st.shared->sleepers[H7_P].n_waiting) < n)
        unit_sleep_ms(1);
    h7_msg_leave(m);
}

struct receiver {
    pthread_t thread;
    int id;
    ssize_t got;
};

static void *receive(void *arg)
{
    struct receiver *r = arg;
    r->got = take(r->id, SOON);
    return NULL;
}

static void start(struct receiver *r, int id)
{
    *r = (struct receiver){.id = id};
    assert_int_equal(pthread_create(&r->thread, NULL, receive, r), 0);
}

/* --- detach ------------------------------------------------------------------------- */

static void test_detach(void **state)
{
    int before = n_fds(), id = make(), with = n_fds();
    (void)state;
    assert_true(with > before);
    assert_int_equal(put(id, 1), 0);
    assert_int_equal(hepta_msg_detach(id), 0);
    assert_int_equal(n_fds(), before);
    assert_int_equal(hepta_msg_detach(id), -EINVAL);
    assert_int_equal(take(id, HEPTA_NOW), 1); /* the id is as good as before */
    assert_int_equal(n_fds(), with);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(n_fds(), before);
}

static void test_detach_while_in_use(void **state)
{
    struct receiver r[3];
    int before = n_fds(), id = make();
    (void)state;
    for (int i = 0; i < 3; i++) {
        start(&r[i], id);
        await_sleepers(id, (uint32_t)i + 1);
        assert_int_equal(hepta_msg_detach(id), 0);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(put(id, 1), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(r[i].thread, NULL);
        assert_int_equal(r[i].got, 1);
    }
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(n_fds(), before); /* with the last user */
}

static uint32_t stop;

static void *detach_again_and_again(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        hepta_msg_detach(*(int *)arg);
    return NULL;
}

static void *use(void *arg)
{
    intptr_t bad = 0;
    for (int i = 0; i < 2000; i++) {
        int r;
        while ((r = put(*(int *)arg, 1)) == -EAGAIN) /* another thread has the lock for 10 ms */
            ;
        bad += r != 0 || take(*(int *)arg, SOON) != 1;
    }
    return (void *)bad;
}

/* Two mappings of one memory at a time: TSan can't see what orders who uses them. */
static int can_be_followed(void)
{
#if defined(__SANITIZE_THREAD__)
    return 0;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return 0;
#endif
#endif
    return 1;
}

static void test_detach_against_use(void **state)
{
    if (!can_be_followed())
        skip();
    pthread_t user[3], detacher;
    int before = n_fds(), id = make();
    (void)state;
    stop = 0;
    assert_int_equal(pthread_create(&detacher, NULL, detach_again_and_again, &id), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&user[i], NULL, use, &id), 0);
    for (int i = 0; i < 3; i++) {
        void *bad;
        pthread_join(user[i], &bad);
        assert_null(bad);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(detacher, NULL);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(n_fds(), before);
}

static void test_many(void **state)
{
    enum { N = 300 };
    int ids[N], before = n_fds();
    const struct hepta_msg_options o = {.size = sizeof o, .msgs_max = 2, .qbytes = 100};
    (void)state;
    for (int i = 0; i < N; i++) {
        ids[i] = hepta_msg_get(IPC_PRIVATE, 0600, &o);
        assert_true(ids[i] > 0);
        if (i % 100 == 99) /* descriptors are few */
            for (int k = i - 99; k <= i; k++)
                assert_int_equal(hepta_msg_detach(ids[k]), 0);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(put(ids[i], 1), 0);
        assert_int_equal(hepta_msg_ctl(ids[i], IPC_RMID, NULL), 0);
    }
    assert_int_equal(n_fds(), before);
}

/* --- removal ------------------------------------------------------------------------ */

static int waits_for_removal(void *arg)
{
    int id = *(int *)arg, before = n_fds();
    CHILD_CHECK(take(id, SOON) == -EIDRM);
    CHILD_CHECK(n_fds() < before); /* forgotten with the last user */
    CHILD_CHECK(take(id, SOON) == -EINVAL);
    CHILD_CHECK(put(id, 1) == -EINVAL);
    CHILD_CHECK(hepta_msg_ctl(id, IPC_RMID, NULL) == -EINVAL);
    return 0;
}

static void test_removal_wakes(void **state)
{
    struct receiver r;
    int id = make();
    (void)state;
    pid_t pid = unit_start(waits_for_removal, &id);
    start(&r, id);
    await_sleepers(id, 2);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.got, -EIDRM);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(take(id, HEPTA_NOW), -EINVAL);
}

static int removes(void *arg)
{
    return hepta_msg_ctl(*(int *)arg, IPC_RMID, NULL) == 0 ? 0 : 1;
}

static void test_descriptor_of_a_removed(void **state)
{
    int before = n_fds(), id = make();
    struct pollfd p = {.fd = hepta_msg_fd(id, HEPTA_MSG_READ), .events = POLLIN};
    (void)state;
    assert_int_equal(hepta_msg_fd(id, HEPTA_MSG_READ), p.fd);
    assert_int_equal(poll(&p, 1, 0), 0);
    unit_in_child(removes, &id);
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(p.revents, POLLIN);
    for (int i = 0; i < 2; i++) /* it is this process's until it says so */
        assert_int_equal(take(id, HEPTA_NOW), -EIDRM);
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(hepta_msg_detach(id), 0);
    assert_int_equal(take(id, HEPTA_NOW), -EINVAL);
    assert_int_equal(n_fds(), before);
}

static void test_poll(void **state)
{
    const struct hepta_msg_options o = {.size = sizeof o, .msgs_max = 1};
    int id = hepta_msg_get(IPC_PRIVATE, 0600, &o);
    struct pollfd p[2] = {{.fd = hepta_msg_fd(id, HEPTA_MSG_READ), .events = POLLIN},
                          {.fd = hepta_msg_fd(id, HEPTA_MSG_WRITE), .events = POLLIN}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(id, HEPTA_NOW), -EAGAIN);
        assert_int_equal(poll(p, 2, 0), 1);
        assert_int_equal(p[1].revents, POLLIN);
        assert_int_equal(put(id, 1), 0);
        assert_int_equal(put(id, 1), -EAGAIN);
        assert_int_equal(poll(p, 2, 0), 1);
        assert_int_equal(p[0].revents, POLLIN);
        assert_int_equal(take(id, HEPTA_NOW), 1);
    }
    assert_int_equal(hepta_msg_detach(id), 0);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

/* --- fork --------------------------------------------------------------------------- */

/* The parent's threads, inside at the fork, aren't here. */
static int goes_on(void *arg)
{
    int id = *(int *)arg, with = n_fds();
    CHILD_CHECK(put(id, 2) == 0);
    CHILD_CHECK(hepta_msg_detach(id) == 0);
    CHILD_CHECK(n_fds() < with);
    CHILD_CHECK(put(id, 2) == 0);
    CHILD_CHECK(n_fds() == with);
    pid_t pid = unit_fork();
    if (pid == 0)
        _exit(put(id, 2) == 0 && hepta_msg_detach(id) == 0 && n_fds() < with ? 0 : 1);
    CHILD_CHECK(unit_reap(pid) == 0);
    return unit_leave(0);
}

static void test_fork(void **state)
{
    struct receiver r[3];
    int before = n_fds(), id = make();
    (void)state;
    for (int i = 0; i < 3; i++)
        start(&r[i], id);
    await_sleepers(id, 3);
    assert_int_equal(unit_reap(unit_start(goes_on, &id)), -SIGKILL);
    for (int i = 0; i < 3; i++) {
        pthread_join(r[i].thread, NULL);
        assert_int_equal(r[i].got, 1);
    }
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(n_fds(), before);
}

/* Detached while a thread is inside, then forked: the child closes what nobody uses there. */
static int closes(void *arg)
{
    int *id = arg;
    CHILD_CHECK(hepta_msg_detach(id[0]) == -EINVAL);
    CHILD_CHECK(n_fds() == id[1]);
    return unit_leave(0);
}

static void test_fork_while_dying(void **state)
{
    struct receiver r;
    int before = n_fds(), id = make(), arg[2] = {id, before};
    (void)state;
    start(&r, id);
    await_sleepers(id, 1);
    assert_int_equal(hepta_msg_detach(id), 0);
    assert_int_equal(unit_reap(unit_start(closes, arg)), -SIGKILL);
    assert_int_equal(put(id, 1), 0);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.got, 1);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

static int never_got_it(void *arg)
{
    int id = *(int *)arg;
    return put(id, 1) == 0 && hepta_msg_get(KEY, 0, NULL) == id ? 0 : 1;
}

static void test_by_number_alone(void **state)
{
    (void)state;
    int id = hepta_msg_get(KEY, IPC_CREAT | IPC_EXCL | 0600, NULL);
    assert_true(id > 0);
    assert_int_equal(hepta_msg_detach(id), 0);
    unit_in_child(never_got_it, &id);
    assert_int_equal(take(id, HEPTA_NOW), 1);
    assert_int_equal(hepta_msg_get(KEY, IPC_CREAT | IPC_EXCL | 0600, NULL), -EEXIST);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

/* A get that fails keeps nothing attached under an id that it doesn't tell; nor does it take away
 * what was attached before. */
static void test_fails_and_keeps_nothing(void **state)
{
    (void)state;
    int before = n_fds(), id = hepta_msg_get(KEY, IPC_CREAT | 0600, NULL), with = n_fds();
    assert_int_equal(hepta_msg_get(KEY, IPC_CREAT | IPC_EXCL | 0600, NULL), -EEXIST);
    assert_int_equal(n_fds(), with);
    assert_int_equal(hepta_msg_detach(id), 0); /* it was there still */
    assert_int_equal(hepta_msg_get(KEY, IPC_CREAT | IPC_EXCL | 0600, NULL), -EEXIST);
    assert_int_equal(n_fds(), before);
    assert_int_equal(hepta_msg_detach(id), -EINVAL);
    assert_int_equal(hepta_msg_get(KEY, 0600, NULL), id);
    assert_int_equal(n_fds(), with);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

/* Another PID namespace: what the parent has attached isn't the child's. */
static int elsewhere(void *arg)
{
    if (unshare(CLONE_NEWPID) != 0)
        return UNIT_SKIP;
    pid_t pid = fork(); /* unit_fork() asks for a parent, which it can't see */
    if (pid == 0)
        _exit(put(*(int *)arg, 1) == -EXDEV && take(*(int *)arg, SOON) == -EXDEV ? 0 : 1);
    CHILD_CHECK(unit_reap(pid) == 0);
    return put(*(int *)arg, 1) == 0 ? 0 : 1;
}

static void test_other_namespace(void **state)
{
    int id = make();
    (void)state;
    assert_int_equal(put(id, 1), 0);
    unit_in_child(elsewhere, &id);
    assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
}

static int remove_it(void *arg)
{
    CHILD_CHECK(hepta_msg_ctl(*(int *)arg, IPC_RMID, NULL) == 0);
    return 0;
}

/* Queues that others have removed don't pile up here. */
static void test_removed_by_others(void **state)
{
    const int before = names_count_in("/proc/self/fd", "");
    (void)state;
    for (int i = 0; i < 100; i++) {
        int id = hepta_msg_get(IPC_PRIVATE, 0600, NULL);
        assert_true(id > 0);
        unit_in_child(remove_it, &id);
    }
    /* 16 or so are left, of four descriptors each */
    assert_true(names_count_in("/proc/self/fd", "") - before < 100);
    for (int i = 0; i < 40; i++) {
        int id = hepta_msg_get(IPC_PRIVATE, 0600, NULL);
        assert_int_equal(hepta_msg_ctl(id, IPC_RMID, NULL), 0);
    }
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_removed_by_others),
    NAMES_TEST(test_detach),
    NAMES_TEST(test_detach_while_in_use),
    NAMES_TEST(test_detach_against_use),
    NAMES_TEST(test_many),
    NAMES_TEST(test_removal_wakes),
    NAMES_TEST(test_descriptor_of_a_removed),
    NAMES_TEST(test_poll),
    NAMES_TEST(test_fork),
    NAMES_TEST(test_fork_while_dying),
    NAMES_TEST(test_by_number_alone),
    NAMES_TEST(test_fails_and_keeps_nothing),
    NAMES_TEST(test_other_namespace),
};
NAMES_MAIN(tests)
