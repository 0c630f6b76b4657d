/* SPDX-License-Identifier: MIT */
/*
 * signal/receiver_test.c - taking signals: order, coalescing, deadlines, what is held back, the
 * descriptor, the dispatcher; and that the thread's mask is what it was, in whatever order
 * receivers are closed. Several threads: receiver_threads_test.c.
 */
#define _GNU_SOURCE
#include "base/unit_test.h"

#include <hepta/signal.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/sys.h"

#define S(n) HEPTA_SIGNAL(n)
#define THREE (S(SIGUSR1) | S(SIGUSR2) | S(40))

static uint64_t mask_now(void)
{
    uint64_t set;
    h7_sys_sigmask(SIG_BLOCK, 0, &set);
    return set;
}

static struct hepta_signal *open_for(uint64_t set)
{
    struct hepta_signal *sig;
    assert_int_equal(hepta_signal_open(set, &sig), 0);
    return sig;
}

static void queue(int signo, int value)
{
    assert_int_equal(sigqueue(getpid(), signo, (union sigval){.sival_int = value}), 0);
}

static uint64_t pending(struct hepta_signal *sig)
{
    uint64_t set;
    assert_int_equal(hepta_signal_pending(sig, &set), 0);
    return set;
}

/* --- waiting ------------------------------------------------------------------------- */

static void test_order(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    struct hepta_signal_info info;
    (void)state;
    for (int i = 0; i < 5; i++)
        queue(40, i);
    queue(SIGUSR2, 7);
    queue(SIGUSR2, 8); /* adds nothing */
    queue(SIGUSR1, 9);
    assert_int_equal(pending(sig), THREE);
    assert_int_equal(hepta_signal_wait(sig, &info, HEPTA_NOW), SIGUSR1);
    assert_true(info.value == 9 && info.signo == SIGUSR1);
    assert_int_equal(hepta_signal_wait(sig, &info, HEPTA_FOREVER), SIGUSR2);
    assert_int_equal(info.value, 7);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(hepta_signal_wait(sig, &info, 1), 40); /* long past, but there is one */
        assert_int_equal(info.value, i);
        assert_int_equal(info.source, HEPTA_SIGNAL_FROM_QUEUE);
        assert_true(info.pid == getpid() && info.uid == getuid());
    }
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), -EAGAIN);
    assert_int_equal(pending(sig), 0);
    assert_int_equal(hepta_signal_close(sig), 0);
}

static void test_deadlines(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGUSR1));
    (void)state;
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_signal_wait(sig, NULL, 1), -ETIMEDOUT);
    assert_int_equal(hepta_signal_wait(sig, NULL, -5), -ETIMEDOUT);
    for (int ms = 1; ms < 50; ms *= 3) {
        int64_t end = hepta_in_ms(ms);
        assert_int_equal(hepta_signal_wait(sig, NULL, end), -ETIMEDOUT);
        assert_true(hepta_now_ns() >= end && hepta_now_ns() < end + 5000 * H7_MS);
    }
    assert_int_equal(hepta_signal_close(sig), 0);
}

static int sends_later(void *arg)
{
    unit_sleep_ms(20);
    return kill(getppid(), *(int *)arg);
}

static void handler(int signo)
{
    (void)signo;
}

static void test_woken_and_interrupted(void **state)
{
    struct hepta_signal *sig = open_for(S(SIGUSR1));
    struct hepta_signal_info info;
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    int signo = SIGUSR1;
    (void)state;
    pid_t pid = unit_start(sends_later, &signo);
    assert_int_equal(hepta_signal_wait(sig, &info, hepta_in_ms(60000)), SIGUSR1);
    assert_true(info.source == HEPTA_SIGNAL_FROM_KILL && info.pid == pid);
    assert_int_equal(unit_reap(pid), 0);
    sigaction(SIGUSR2, &sa, NULL);
    signo = SIGUSR2;
    pid = unit_start(sends_later, &signo);
    assert_int_equal(hepta_signal_wait(sig, &info, hepta_in_ms(60000)), -EINTR);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(hepta_signal_close(sig), 0);
}

static void test_arguments(void **state)
{
    struct hepta_signal *sig;
    uint64_t set;
    (void)state;
    const uint64_t no[] = {0, S(SIGKILL), S(SIGSTOP) | S(SIGINT), S(32), S(33), UINT64_MAX};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        assert_int_equal(hepta_signal_open(no[i], &sig), -EINVAL);
        assert_null(sig);
    }
    sig = open_for(THREE);
    assert_int_equal(hepta_signal_mask(sig, 3, 0, NULL), -EINVAL);
    assert_int_equal(hepta_signal_mask(sig, -1, 0, NULL), -EINVAL);
    assert_int_equal(hepta_signal_mask(sig, HEPTA_SIGNAL_BLOCK, S(SIGINT), NULL), -EINVAL);
    assert_int_equal(hepta_signal_on(sig, SIGINT, NULL, NULL), -EINVAL);
    assert_int_equal(hepta_signal_on(sig, 0, NULL, NULL), -EINVAL);
    assert_int_equal(hepta_signal_on(sig, 65, NULL, NULL), -EINVAL);
    assert_int_equal(hepta_signal_close(sig), 0);
    assert_int_equal(hepta_signal_close(sig), -EBADF);
    assert_int_equal(hepta_signal_close(NULL), -EBADF);
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_FOREVER), -EBADF);
    assert_int_equal(hepta_signal_dispatch(sig, HEPTA_FOREVER), -EBADF);
    assert_int_equal(hepta_signal_mask(sig, HEPTA_SIGNAL_BLOCK, 0, NULL), -EBADF);
    assert_int_equal(hepta_signal_pending(sig, &set), -EBADF);
    assert_int_equal(hepta_signal_fd(sig), -EBADF);
    assert_int_equal(hepta_signal_on(sig, SIGUSR1, NULL, NULL), -EBADF);
    assert_int_equal(hepta_signal_unblocked(sig), -EBADF);
}

/* --- held back, and the descriptor --------------------------------------------------- */

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return h7_sys_poll(&p, 1, HEPTA_NOW) == 1;
}

static uint64_t hold(struct hepta_signal *sig, int how, uint64_t set)
{
    uint64_t old = 0;
    assert_int_equal(hepta_signal_mask(sig, how, set, &old), 0);
    return old;
}

static void test_held_back(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    (void)state;
    assert_int_equal(hold(sig, HEPTA_SIGNAL_BLOCK, S(SIGUSR1)), 0);
    assert_int_equal(hold(sig, HEPTA_SIGNAL_BLOCK, S(40)), S(SIGUSR1));
    queue(SIGUSR1, 1);
    queue(40, 1);
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_signal_wait(sig, NULL, hepta_in_ms(5)), -ETIMEDOUT);
    int fd = hepta_signal_fd(sig);
    assert_true(fd >= 0 && hepta_signal_fd(sig) == fd);
    assert_false(readable(fd));
    assert_int_equal(pending(sig), S(SIGUSR1) | S(40));
    assert_int_equal(hold(sig, HEPTA_SIGNAL_UNBLOCK, S(40)), S(SIGUSR1) | S(40));
    assert_true(readable(fd));
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), 40);
    assert_false(readable(fd));
    assert_int_equal(hold(sig, HEPTA_SIGNAL_SETMASK, S(SIGUSR2)), S(SIGUSR1));
    assert_true(readable(fd));
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_FOREVER), SIGUSR1);
    hold(sig, HEPTA_SIGNAL_SETMASK, 0);
    queue(SIGUSR2, 1);
    assert_true(readable(fd));
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), SIGUSR2);
    assert_false(readable(fd));
    assert_int_equal(hepta_signal_close(sig), 0);
    assert_int_equal(h7_sys_dup(fd, 1), -EBADF);
}

static void test_epoll(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    struct epoll_event ev = {.events = EPOLLIN}, got;
    int e = h7_sys_epoll_create();
    (void)state;
    assert_int_equal(h7_sys_epoll_ctl(e, EPOLL_CTL_ADD, hepta_signal_fd(sig), &ev), 0);
    assert_int_equal(epoll_wait(e, &got, 1, 0), 0);
    pid_t pid = unit_start(sends_later, &(int){40});
    assert_int_equal(epoll_wait(e, &got, 1, 60000), 1);
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), 40);
    assert_int_equal(epoll_wait(e, &got, 1, 0), 0);
    assert_int_equal(unit_reap(pid), 0);
    close(e);
    assert_int_equal(hepta_signal_close(sig), 0);
}

/* --- the dispatcher ------------------------------------------------------------------ */

static int calls[65], sum;
static struct hepta_signal *dispatched;

static void counts(const struct hepta_signal_info *info, void *arg)
{
    calls[info->signo]++;
    sum += (int)info->value;
    if (arg)
        (*(int *)arg)++;
}

/* What it does while it is called: change itself, and dispatch again. */
static void replaces_itself(const struct hepta_signal_info *info, void *arg)
{
    calls[info->signo]++;
    hepta_signal_on(dispatched, info->signo, counts, NULL);
    *(int *)arg = hepta_signal_dispatch(dispatched, HEPTA_NOW);
}

static void test_dispatch(void **state)
{
    int n = 0, nested = 0;
    (void)state;
    dispatched = open_for(THREE);
    memset(calls, 0, sizeof calls);
    assert_int_equal(hepta_signal_dispatch(dispatched, HEPTA_NOW), -EAGAIN);
    assert_int_equal(hepta_signal_dispatch(dispatched, hepta_in_ms(2)), -ETIMEDOUT);
    assert_int_equal(hepta_signal_on(dispatched, SIGUSR1, counts, &n), 0);
    assert_int_equal(hepta_signal_on(dispatched, 40, replaces_itself, &nested), 0);
    queue(SIGUSR1, 0);
    queue(SIGUSR2, 0); /* nothing is called for it */
    for (int i = 0; i < 4; i++)
        queue(40, 10);
    assert_int_equal(hepta_signal_dispatch(dispatched, HEPTA_FOREVER), 3);
    assert_int_equal(nested, 3); /* the first of 40 took the others */
    assert_true(n == 1 && calls[SIGUSR1] == 1 && calls[40] == 4 && calls[SIGUSR2] == 0);
    assert_int_equal(sum, 30);
    assert_int_equal(hepta_signal_on(dispatched, 40, NULL, NULL), 0);
    for (int i = 0; i < 1030; i++)
        queue(40, 1);
    assert_int_equal(hepta_signal_dispatch(dispatched, HEPTA_NOW), 1024);
    assert_int_equal(hepta_signal_dispatch(dispatched, HEPTA_NOW), 6);
    assert_int_equal(calls[40], 4);
    assert_int_equal(hepta_signal_close(dispatched), 0);
}

/* --- masks --------------------------------------------------------------------------- */

/* Every order of opening and closing three that overlap; one signal was blocked before. */
static void close_in_order(const int *order)
{
    const uint64_t sets[3] = {S(SIGUSR1) | S(40), S(SIGUSR1) | S(41) | S(SIGTERM),
                              S(40) | S(41) | S(SIGTERM)};
    struct hepta_signal *sig[3];
    uint64_t before = mask_now(), left;
    for (int i = 0; i < 3; i++)
        sig[i] = open_for(sets[i]);
    assert_int_equal(mask_now(), before | sets[0] | sets[1] | sets[2]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hepta_signal_close(sig[order[i]]), 0);
        left = 0;
        for (int k = i + 1; k < 3; k++)
            left |= sets[order[k]];
        assert_int_equal(mask_now(), before | left);
    }
}

static void test_overlapping(void **state)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const uint64_t before[] = {0, S(SIGTERM), S(SIGTERM) | S(SIGHUP) | S(40)};
    uint64_t old = mask_now();
    (void)state;
    for (int b = 0; b < 3; b++) {
        h7_sys_sigmask(SIG_SETMASK, before[b], NULL);
        for (int i = 0; i < 6; i++)
            close_in_order(orders[i]);
    }
    h7_sys_sigmask(SIG_SETMASK, old, NULL);
}

static volatile int handled;

static void notes(int signo)
{
    handled = signo;
}

/* What is pending when it closes is delivered as if it came then. */
static void test_pending_at_close(void **state)
{
    struct sigaction sa = {.sa_handler = notes}, old;
    (void)state;
    sigaction(SIGUSR1, &sa, &old);
    struct hepta_signal *sig = open_for(S(SIGUSR1)), *other = open_for(S(SIGUSR1));
    queue(SIGUSR1, 1);
    assert_int_equal(handled, 0);
    assert_int_equal(hepta_signal_close(sig), 0);
    assert_int_equal(handled, 0);
    assert_int_equal(hepta_signal_close(other), 0);
    assert_int_equal(handled, SIGUSR1);
    sigaction(SIGUSR1, &old, NULL);
}

/* --- children ------------------------------------------------------------------------ */

/* The child's own: what the parent has pending isn't its, and closing changes its mask only. */
static int child_uses(void *arg)
{
    struct hepta_signal *sig = arg;
    CHILD_CHECK(pending(sig) == 0);
    CHILD_CHECK(hepta_signal_wait(sig, NULL, HEPTA_NOW) == -EAGAIN);
    CHILD_CHECK(!readable(hepta_signal_fd(sig)));
    CHILD_CHECK(kill(getpid(), SIGUSR2) == 0 && readable(hepta_signal_fd(sig)));
    CHILD_CHECK(hepta_signal_wait(sig, NULL, HEPTA_NOW) == SIGUSR2);
    CHILD_CHECK(hepta_signal_close(sig) == 0);
    CHILD_CHECK((mask_now() & THREE) == 0);
    return 0;
}

static void test_fork(void **state)
{
    struct hepta_signal *sig = open_for(THREE);
    (void)state;
    assert_true(hepta_signal_fd(sig) >= 0);
    queue(SIGUSR1, 3);
    unit_in_child(child_uses, sig);
    assert_int_equal(hepta_signal_wait(sig, NULL, HEPTA_NOW), SIGUSR1);
    assert_int_equal(mask_now() & THREE, THREE);
    assert_int_equal(hepta_signal_close(sig), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order),
    cmocka_unit_test(test_deadlines),
    cmocka_unit_test(test_woken_and_interrupted),
    cmocka_unit_test(test_arguments),
    cmocka_unit_test(test_held_back),
    cmocka_unit_test(test_epoll),
    cmocka_unit_test(test_dispatch),
    cmocka_unit_test(test_overlapping),
    cmocka_unit_test(test_pending_at_close),
    cmocka_unit_test(test_fork),
};

UNIT_MAIN(tests)
