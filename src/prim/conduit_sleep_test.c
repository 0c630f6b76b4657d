/* SPDX-License-Identifier: MIT */
/*
 * prim/conduit_sleep_test.c - the ways to sleep that the bell alone can't serve: writers
 * that need different small amounts, a sleeper without membarrier(2), big reservations
 *
 * A wake-up that is lost shows as a child that isn't done within SOON_MS, whose deadline
 * is far behind that. Start at reap_soon().
 */
#define _GNU_SOURCE
#include "prim/conduit_test.h"

#include <sched.h>
#include <sys/syscall.h>

#define CAP     16384
#define BIG     10000
#define LONG_MS 60000
#define SOON_MS 5000 /* a tick is 50 ms; this is for slow machines and valgrind */
#define WHILE_MS 150

static struct flow f;
static char buf[CAP], got[CAP];
static pid_t kids[4]; /* that are still to be reaped */

static void open_full(uint32_t flags)
{
    flow_open(&f, flags, CAP, HEPTA_WAIT_ADAPTIVE);
    flow_pattern(buf, CAP, 0);
    assert_int_equal(h7_conduit_write(&f.w, buf, CAP, HEPTA_NOW), CAP);
}

static int open_default(void **state)
{
    (void)state;
    open_full(0);
    return 0;
}

static int open_spsc(void **state)
{
    (void)state;
    open_full(H7_CONDUIT_SPSC);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kids / sizeof *kids; i++)
        if (kids[i] > 0) { /* a test that failed left it */
            kill(kids[i], SIGKILL);
            unit_reap(kids[i]);
            kids[i] = 0;
        }
    flow_close(&f);
    return 0;
}

static pid_t begin(int (*fn)(void *), void *arg)
{
    size_t i = 0;
    while (kids[i])
        assert_true(++i < sizeof kids / sizeof *kids);
    return kids[i] = unit_start(fn, arg);
}

static void forget_kid(pid_t pid)
{
    for (size_t i = 0; i < sizeof kids / sizeof *kids; i++)
        if (kids[i] == pid)
            kids[i] = 0;
}

static int is_running(pid_t pid)
{
    siginfo_t info = {0};
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == 0;
}

static void kill_kid(pid_t pid)
{
    forget_kid(pid);
    unit_kill(pid);
}

/* What the child gave; it must be done soon. */
static int reap_soon(pid_t pid)
{
    int64_t end = hepta_in_ms(SOON_MS);
    while (is_running(pid)) {
        if (hepta_now_ns() > end)
            fail_msg("child %d still waits", (int)pid);
        unit_sleep_ms(1);
    }
    forget_kid(pid);
    return unit_reap(pid);
}

static ssize_t get(size_t len)
{
    return h7_conduit_read(&f.r, got, len, HEPTA_NOW);
}

/* --- writers that need less than PIPE_BUF ---------------------------------------- */

struct job {
    size_t len;
    int ms;
    ssize_t expect;
};

static int write_job(void *arg)
{
    const struct job *j = arg;
    flow_forget(&f.r);
    CHILD_CHECK(h7_conduit_write(&f.w, buf, j->len, hepta_in_ms(j->ms)) == j->expect);
    return 0;
}

static pid_t writer(size_t len)
{
    struct job j = {len, LONG_MS, (ssize_t)len};
    return begin(write_job, &j);
}

static uint32_t registered(void)
{
    return h7_load32_relaxed(&f.r.mine->least_tid);
}

/* And out of the lock, so that it may be stopped. */
static void await_registered(pid_t pid)
{
    int64_t end = hepta_in_ms(SOON_MS);
    while (registered() != (uint32_t)pid || h7_load32_relaxed(&f.r.mine->lock.word)) {
        if (hepta_now_ns() > end)
            fail_msg("child %d doesn't register: %u is", (int)pid, registered());
        unit_sleep_ms(1);
    }
}

static pid_t registered_writer(size_t len, int ms, ssize_t expect)
{
    struct job j = {len, ms, expect};
    pid_t pid = begin(write_job, &j);
    await_registered(pid);
    return pid;
}

/* The second one finds the bell taken. */
static pid_t other_writer(size_t len)
{
    uint32_t first = registered();
    pid_t pid = writer(len);
    unit_sleep_ms(WHILE_MS); /* through all stages */
    assert_true(is_running(pid));
    assert_int_equal(registered(), first);
    return pid;
}

/* Each goes on as soon as there is room for it, whoever of them has the bell. */
static void serve_both(pid_t needs_100, pid_t needs_200)
{
    assert_int_equal(get(150), 150);
    assert_int_equal(reap_soon(needs_100), 0);
    unit_sleep_ms(WHILE_MS);
    assert_true(is_running(needs_200)); /* 50 are free */
    assert_int_equal(get(150), 150);
    assert_int_equal(reap_soon(needs_200), 0);
    assert_int_equal(registered(), 0);
    assert_int_equal(flow_head(&f) - flow_tail(&f), CAP);
}

static void test_smaller_need_came_first(void **state)
{
    (void)state;
    pid_t first = registered_writer(100, LONG_MS, 100);
    serve_both(first, other_writer(200));
}

static void test_larger_need_came_first(void **state)
{
    (void)state;
    pid_t first = registered_writer(200, LONG_MS, 200);
    serve_both(other_writer(100), first);
}

/* Who has the bell is stopped: it keeps it, and the others do without. */
static void test_registered_one_is_stopped(void **state)
{
    (void)state;
    pid_t stopped = registered_writer(100, LONG_MS, 100);
    kill(stopped, SIGSTOP);
    pid_t other = other_writer(200);
    assert_int_equal(get(200), 200);
    assert_int_equal(reap_soon(other), 0);
    other = other_writer(50);
    assert_int_equal(get(60), 60);
    assert_int_equal(reap_soon(other), 0);
    assert_int_equal(get(90), 90); /* 100 again */
    kill(stopped, SIGCONT);
    assert_int_equal(reap_soon(stopped), 0);
}

static void test_registered_one_times_out(void **state)
{
    (void)state;
    pid_t first = registered_writer(100, 4 * WHILE_MS, -ETIMEDOUT);
    pid_t other = writer(200);
    assert_int_equal(reap_soon(first), 0);
    await_registered(other); /* the bell is given on */
    assert_int_equal(get(199), 199);
    unit_sleep_ms(WHILE_MS);
    assert_true(is_running(other));
    assert_int_equal(get(1), 1);
    assert_int_equal(reap_soon(other), 0);
}

/* One relied on the bell's own level before another bent it, and left without a ring. */
static void test_time_out_leaves_the_level(void **state)
{
    (void)state;
    pid_t page = writer(4096);
    unit_sleep_ms(WHILE_MS);
    pid_t first = registered_writer(100, 2 * WHILE_MS, -ETIMEDOUT);
    assert_int_equal(reap_soon(first), 0);
    assert_int_equal(get(4096), 4096);
    assert_int_equal(reap_soon(page), 0);
}

static void test_registered_one_is_killed(void **state)
{
    (void)state;
    pid_t page = writer(4096);
    unit_sleep_ms(WHILE_MS);
    pid_t dead = registered_writer(100, LONG_MS, 100);
    kill_kid(dead);
    assert_int_equal(registered(), dead);
    assert_int_equal(get(150), 150); /* rings for the dead, and wakes the other in vain */
    unit_sleep_ms(WHILE_MS);
    assert_true(is_running(page));
    assert_int_equal(get(4096 - 150), 4096 - 150);
    assert_int_equal(reap_soon(page), 0);
}

static void test_larger_need_after_a_death(void **state)
{
    (void)state;
    pid_t dead = registered_writer(100, LONG_MS, 100);
    pid_t other = other_writer(200);
    kill_kid(dead);
    assert_int_equal(get(150), 150);
    await_registered(other);
    assert_int_equal(get(50), 50);
    assert_int_equal(reap_soon(other), 0);
}

static void test_smaller_need_after_a_death(void **state)
{
    (void)state;
    pid_t dead = registered_writer(100, LONG_MS, 100);
    kill_kid(dead);
    pid_t other = registered_writer(50, LONG_MS, 50);
    assert_int_equal(get(60), 60);
    assert_int_equal(reap_soon(other), 0);
}

/* Nobody has reaped it yet: it can still be signalled. */
static void test_registered_one_is_a_zombie(void **state)
{
    (void)state;
    pid_t dead = registered_writer(100, LONG_MS, 100);
    pid_t larger = other_writer(200);
    kill(dead, SIGKILL);
    pid_t smaller = writer(50);
    assert_int_equal(reap_soon(dead), -SIGKILL);
    unit_sleep_ms(WHILE_MS);
    assert_int_equal(get(60), 60);
    assert_int_equal(reap_soon(smaller), 0);
    assert_int_equal(get(190), 190);
    assert_int_equal(reap_soon(larger), 0);
}

/* --- without membarrier, and for more than the bell announces -------------------- */

struct sleeper {
    int deaf;    /* membarrier fails */
    int forever; /* no deadline */
};

static const struct sleeper deaf_with_deadline = {.deaf = 1}, deaf = {.deaf = 1, .forever = 1},
                            with_deadline = {0}, plain = {.forever = 1};

static int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t until(const struct sleeper *s)
{
    return s->forever ? HEPTA_FOREVER : hepta_in_ms(LONG_MS);
}

static int make_deaf(const struct sleeper *s, const struct h7_conduit *c)
{
    if (!s->deaf)
        return 0;
    flow_stay_near_peer(c);
    if (unit_forbid(SYS_membarrier, EPERM) < 0)
        return -1;
    CHILD_CHECK(h7_sys_membarrier() == -EPERM);
    return 0;
}

/* 1, 2, 3, 4 bytes for a sleeper in every stage; then there until it is killed. */
static int write_now_and_then(void *arg)
{
    const int after_ms[] = {0, 2, 30, WHILE_MS};
    (void)arg;
    flow_forget(&f.r);
    for (size_t i = 0; i < 4; i++) {
        unit_sleep_ms(after_ms[i]);
        CHILD_CHECK(h7_conduit_write(&f.w, buf, i + 1, HEPTA_NOW) == (ssize_t)i + 1);
    }
    unit_say(f.stage, 1);
    return unit_stay();
}

static int read_deaf(void *arg)
{
    const struct sleeper *s = arg;
    size_t n = 0;
    flow_forget(&f.w);
    if (make_deaf(s, &f.r) < 0)
        return UNIT_SKIP;
    int64_t began = hepta_now_ns(), cpu = cpu_ns();
    while (n < 10) {
        ssize_t r = h7_conduit_read(&f.r, got, 10, until(s));
        CHILD_CHECK(r > 0);
        n += (size_t)r;
    }
    if (!s->forever)
        CHILD_CHECK(h7_conduit_read(&f.r, got, 1, hepta_in_ms(WHILE_MS)) == -ETIMEDOUT);
    CHILD_CHECK(h7_conduit_read(&f.r, got, 1, until(s)) == 0);
    CHILD_CHECK((cpu_ns() - cpu) * 4 < hepta_now_ns() - began);
    return 0;
}

static void await_stage(pid_t sleeper)
{
    int64_t end = hepta_in_ms(SOON_MS);
    while (__atomic_load_n(f.stage, __ATOMIC_ACQUIRE) == 0 && is_running(sleeper)) {
        if (hepta_now_ns() > end)
            fail_msg("the sleeper sleeps on");
        unit_sleep_ms(1);
    }
}

/* The peer dies, and what the sleeper says of it all. */
static void end_with_death(pid_t sleeper, pid_t peer)
{
    await_stage(sleeper);
    unit_sleep_ms(2 * WHILE_MS); /* asleep, or its deadline passes */
    kill_kid(peer);
    int status = reap_soon(sleeper);
    if (status == UNIT_SKIP)
        skip();
    assert_int_equal(status, 0);
}

static void need_asym(const struct h7_conduit *peer)
{
    if (!h7_load32_relaxed(&peer->mine->asym))
        skip(); /* no membarrier here at all: then nobody relies on it */
}

static void check_deaf_reader(const struct sleeper *s)
{
    need_asym(&f.w);
    assert_int_equal(get(CAP), CAP);
    pid_t reader = begin(read_deaf, (void *)(uintptr_t)s);
    pid_t peer = begin(write_now_and_then, NULL);
    flow_forget(&f.w);
    end_with_death(reader, peer);
}

static void test_deaf_reader_with_deadline(void **state)
{
    (void)state;
    check_deaf_reader(&deaf_with_deadline);
}

static void test_deaf_reader(void **state)
{
    (void)state;
    check_deaf_reader(&deaf);
}

/* Too little, then enough; then there until it is killed. */
static int read_now_and_then(void *arg)
{
    (void)arg;
    flow_forget(&f.w);
    unit_sleep_ms(2 * WHILE_MS);
    CHILD_CHECK(get(BIG - 1) == BIG - 1 && flow_is_pattern(got, BIG - 1, 0));
    unit_sleep_ms(WHILE_MS);
    CHILD_CHECK(get(1) == 1 && flow_is_pattern(got, 1, BIG - 1));
    CHILD_CHECK(h7_conduit_read(&f.r, got, CAP - BIG, HEPTA_NOW) == CAP - BIG);
    size_t n = 0;
    while (n < 1000) { /* of what is reserved now */
        ssize_t r = h7_conduit_read(&f.r, got, 1000 - n, hepta_in_ms(LONG_MS));
        CHILD_CHECK(r > 0 && flow_is_pattern(got, (size_t)r, CAP + n));
        n += (size_t)r;
    }
    unit_say(f.stage, 1);
    return unit_stay();
}

static int reserve_big(void *arg)
{
    const struct sleeper *s = arg;
    void *p;
    flow_forget(&f.r);
    if (make_deaf(s, &f.w) < 0)
        return UNIT_SKIP;
    int64_t began = hepta_now_ns(), cpu = cpu_ns();
    if (!s->forever)
        CHILD_CHECK(h7_conduit_reserve(&f.w, BIG, &p, hepta_in_ms(WHILE_MS)) == -ETIMEDOUT);
    CHILD_CHECK(h7_conduit_reserve(&f.w, BIG, &p, until(s)) == 0);
    CHILD_CHECK(flow_head(&f) + BIG - flow_tail(&f) <= CAP);
    flow_pattern(p, BIG, CAP);
    CHILD_CHECK(h7_conduit_commit(&f.w, BIG) == 0);
    CHILD_CHECK(h7_conduit_reserve(&f.w, CAP, &p, until(s)) == -EPIPE);
    CHILD_CHECK((cpu_ns() - cpu) * 4 < hepta_now_ns() - began);
    return 0;
}

static void check_big(const struct sleeper *s)
{
    if (s->deaf)
        need_asym(&f.r);
    pid_t writer_pid = begin(reserve_big, (void *)(uintptr_t)s);
    pid_t peer = begin(read_now_and_then, NULL);
    flow_forget(&f.r);
    end_with_death(writer_pid, peer);
}

static void test_big_reservation_with_deadline(void **state)
{
    (void)state;
    check_big(&with_deadline);
}

static void test_big_reservation(void **state)
{
    (void)state;
    check_big(&plain);
}

static void test_deaf_big_reservation_with_deadline(void **state)
{
    (void)state;
    check_big(&deaf_with_deadline);
}

static void test_deaf_big_reservation(void **state)
{
    (void)state;
    check_big(&deaf);
}

/* An ordinary write of a deaf writer, for less than the bell's own level. */
static int write_deaf(void *arg)
{
    const struct sleeper *s = arg;
    flow_forget(&f.r);
    if (make_deaf(s, &f.w) < 0)
        return UNIT_SKIP;
    int64_t began = hepta_now_ns(), cpu = cpu_ns();
    if (!s->forever)
        CHILD_CHECK(h7_conduit_write(&f.w, buf, 100, hepta_in_ms(WHILE_MS)) == -ETIMEDOUT);
    CHILD_CHECK(h7_conduit_write(&f.w, buf, 100, until(s)) == 100);
    CHILD_CHECK((cpu_ns() - cpu) * 4 < hepta_now_ns() - began);
    return 0;
}

static void check_deaf_writer(const struct sleeper *s)
{
    need_asym(&f.r);
    pid_t pid = begin(write_deaf, (void *)(uintptr_t)s);
    unit_sleep_ms(3 * WHILE_MS);
    assert_int_equal(get(100), 100);
    int status = reap_soon(pid);
    if (status == UNIT_SKIP)
        skip();
    assert_int_equal(status, 0);
}

static void test_deaf_writer_with_deadline(void **state)
{
    (void)state;
    check_deaf_writer(&deaf_with_deadline);
}

static void test_deaf_writer(void **state)
{
    (void)state;
    check_deaf_writer(&deaf);
}

#define DEFAULT_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_default, tear_down)
#define SPSC_TEST(fn)                               \
    {                                               \
#fn "_spsc", fn, open_spsc, tear_down, NULL \
    }

static const struct CMUnitTest tests[] = {
    DEFAULT_TEST(test_smaller_need_came_first),
    DEFAULT_TEST(test_larger_need_came_first),
    DEFAULT_TEST(test_registered_one_is_stopped),
    DEFAULT_TEST(test_registered_one_times_out),
    DEFAULT_TEST(test_time_out_leaves_the_level),
    DEFAULT_TEST(test_registered_one_is_killed),
    DEFAULT_TEST(test_larger_need_after_a_death),
    DEFAULT_TEST(test_smaller_need_after_a_death),
    DEFAULT_TEST(test_registered_one_is_a_zombie),
    DEFAULT_TEST(test_big_reservation_with_deadline),
    DEFAULT_TEST(test_big_reservation),
    SPSC_TEST(test_big_reservation_with_deadline),
    SPSC_TEST(test_big_reservation),
    SPSC_TEST(test_deaf_reader_with_deadline),
    SPSC_TEST(test_deaf_reader),
    SPSC_TEST(test_deaf_writer_with_deadline),
    SPSC_TEST(test_deaf_writer),
    SPSC_TEST(test_deaf_big_reservation_with_deadline),
    SPSC_TEST(test_deaf_big_reservation),
};

UNIT_MAIN(tests)
