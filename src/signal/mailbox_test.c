/* SPDX-License-Identifier: MIT */
/* signal/mailbox_test.c - mailboxes: order, masks, numbers, who may what, threads */
#define _GNU_SOURCE
#include "signal/mailbox_test.h"

#include <sys/time.h>

static void test_coalesce(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(), -EAGAIN);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_bare(5), 0);
    assert_int_equal(pending(), HEPTA_SIGNAL(5));
    assert_int_equal(take(), 5);
    assert_int_equal(got.signo, 5);
    assert_int_equal(got.source, HEPTA_SIGNAL_FROM_MAILBOX);
    assert_int_equal(got.pid, getpid());
    assert_int_equal(got.uid, getuid());
    assert_int_equal(got.len, 0);
    assert_int_equal(take(), -EAGAIN);
    struct hepta_mailbox_stat st = stat_now();
    assert_int_equal(st.sent, 3);
    assert_int_equal(st.coalesced, 2);
    assert_int_equal(st.received, 1);
    end();
}

static void test_queue_in_order(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(send_number(40, i), 0);
    assert_int_equal(send_number(64, 1000), 0);
    assert_int_equal(send_number(32, 2000), 0);
    assert_int_equal(send_bare(31), 0);
    assert_int_equal(stat_now().queued, 102);
    assert_int_equal(take(), 31);
    assert_int_equal(take(), 32);
    assert_int_equal(number(), 2000);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(take(), 40);
        assert_int_equal(number(), i);
        if (i == 50) /* some come later */
            for (uint32_t k = 100; k < 110; k++)
                assert_int_equal(send_number(41, k), 0);
    }
    for (uint32_t k = 100; k < 110; k++) {
        assert_int_equal(take(), 41);
        assert_int_equal(number(), k);
    }
    assert_int_equal(take(), 64);
    assert_int_equal(number(), 1000);
    assert_int_equal(take(), -EAGAIN);
    end();
}

static void test_payload(void **state)
{
    unsigned char bytes[HEPTA_MAILBOX_PAYLOAD_MAX + 1];
    (void)state;
    begin();
    memset(bytes, 0xa5, sizeof bytes);
    for (size_t len = 0; len <= HEPTA_MAILBOX_PAYLOAD_MAX; len++) {
        assert_int_equal(hepta_mailbox_send(box, 50, bytes, len, 0), 0);
        assert_int_equal(take(), 50);
        assert_int_equal(got.len, len);
        for (size_t i = 0; i < sizeof got.payload; i++)
            assert_int_equal(got.payload[i], i < len ? 0xa5 : 0);
    }
    assert_int_equal(hepta_mailbox_send(box, 50, bytes, sizeof bytes, 0), -EMSGSIZE);
    assert_int_equal(hepta_mailbox_send(box, 5, bytes, 1, 0), -EINVAL);
    assert_int_equal(hepta_mailbox_send(box, 50, NULL, 1, 0), -EFAULT);
    assert_int_equal(hepta_mailbox_send(box, 65, NULL, 0, 0), -EINVAL);
    assert_int_equal(hepta_mailbox_send(box, -1, NULL, 0, 0), -EINVAL);
    assert_int_equal(hepta_mailbox_send(box, 50, NULL, 0, 2), -EINVAL);
    assert_int_equal(hepta_mailbox_send(box, 0, NULL, 0, 0), 0);
    assert_int_equal(hepta_mailbox_send(NULL, 50, NULL, 0, 0), -EINVAL);
    assert_int_equal(send_bare(50), 0);
    assert_int_equal(hepta_mailbox_wait(box, NULL, HEPTA_NOW), 50);
    end();
}

static void test_full(void **state)
{
    (void)state;
    begin_deep(RECEIVE, 4);
    assert_int_equal(stat_now().depth, 4);
    for (int round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(send_number(33 + (int)i % 2, i), 0);
        assert_int_equal(send_bare(64), -EAGAIN);
        assert_int_equal(send_bare(64), -EAGAIN);
        assert_int_equal(send_bare(1), 0); /* takes no place */
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 33);
        assert_int_equal(number(), 0);
        assert_int_equal(send_bare(64), 0);
        assert_int_equal(send_bare(64), -EAGAIN);
        for (int i = 0; i < 4; i++)
            assert_true(take() > 0);
        assert_int_equal(take(), -EAGAIN);
    }
    struct hepta_mailbox_stat st = stat_now();
    assert_int_equal(st.refused, 15);
    assert_int_equal(st.sent, 30);
    assert_int_equal(st.received, 30);
    end();
}

static void test_mask(void **state)
{
    uint64_t old = 0;
    const struct hepta_mailbox_options o = {.size = sizeof o, .blocked = HEPTA_SIGNAL(3)};
    (void)state;
    begin_with(RECEIVE, &o);
    assert_int_equal(send_bare(3), 0);
    assert_int_equal(send_number(40, 1), 0);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_BLOCK, HEPTA_SIGNAL(40), &old), 0);
    assert_int_equal(old, HEPTA_SIGNAL(3));
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(pending(), HEPTA_SIGNAL(3) | HEPTA_SIGNAL(40));
    assert_int_equal(send_number(40, 2), 0);
    assert_int_equal(send_number(41, 3), 0);
    assert_int_equal(take(), 41);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_UNBLOCK, HEPTA_SIGNAL(40), &old), 0);
    assert_int_equal(old, HEPTA_SIGNAL(3) | HEPTA_SIGNAL(40));
    assert_int_equal(take(), 40);
    assert_int_equal(number(), 1);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_SETMASK, HEPTA_SIGNAL(40), NULL), 0);
    assert_int_equal(take(), 3);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(stat_now().blocked, HEPTA_SIGNAL(40));
    assert_int_equal(hepta_mailbox_mask(box, 3, 0, NULL), -EINVAL);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_SETMASK, 0, NULL), 0);
    assert_int_equal(take(), 40);
    assert_int_equal(number(), 2);
    end();
}

static void test_open(void **state)
{
    struct hepta_mailbox_options o = {.size = sizeof o};
    struct hepta_mailbox *b, *c;
    (void)state;
    assert_int_equal(hepta_mailbox_open("/m", 0, 0, NULL, &b), -ENOENT);
    assert_null(b);
    assert_int_equal(hepta_mailbox_open("m", MAKE, 0600, NULL, &b), -EINVAL);
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 01600, NULL, &b), -EINVAL);
    assert_int_equal(hepta_mailbox_open("/m", 2, 0600, NULL, &b), -EINVAL);
    assert_int_equal(hepta_mailbox_open("/m", HEPTA_MAILBOX_ACK, 0600, NULL, &b), -EINVAL);
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 0600, NULL, NULL), -EFAULT);
    o.depth = HEPTA_MAILBOX_DEPTH_MAX + 1;
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 0600, &o, &b), -EINVAL);
    o = (struct hepta_mailbox_options){0};
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 0600, &o, &b), -EINVAL);
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 0600, NULL, &b), 0);
    assert_int_equal(hepta_mailbox_open("/m", MAKE, 0600, NULL, &c), -EEXIST);
    assert_int_equal(hepta_mailbox_wait(b, NULL, HEPTA_NOW), -EPERM);
    assert_int_equal(hepta_mailbox_ack(b), -EPERM);
    assert_int_equal(hepta_mailbox_mask(b, 0, 0, NULL), -EPERM);
    assert_int_equal(hepta_mailbox_fd(b), -EPERM);
    assert_int_equal(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &c), 0);
    struct hepta_mailbox *d;
    assert_int_equal(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &d), -EBUSY);
    assert_int_equal(hepta_mailbox_send(b, 40, "x", 1, HEPTA_MAILBOX_LIVE), 0);
    assert_int_equal(hepta_mailbox_ack(c), -EINVAL);
    assert_int_equal(hepta_mailbox_close(c), 0);
    assert_int_equal(hepta_mailbox_close(c), -EBADF);
    assert_int_equal(hepta_mailbox_wait(c, NULL, HEPTA_NOW), -EBADF);
    assert_int_equal(hepta_mailbox_send(c, 1, NULL, 0, 0), -EBADF);
    assert_int_equal(hepta_mailbox_close(NULL), -EBADF);
    assert_int_equal(hepta_mailbox_send(b, 40, "x", 1, HEPTA_MAILBOX_LIVE), -ESRCH);
    assert_int_equal(hepta_mailbox_send(b, 40, "y", 1, 0), 0);
    assert_int_equal(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &c), 0);
    assert_int_equal(hepta_mailbox_wait(c, &got, HEPTA_NOW), 40);
    assert_int_equal(got.payload[0], 'x');
    assert_int_equal(hepta_mailbox_wait(c, &got, HEPTA_NOW), 40);
    assert_int_equal(got.payload[0], 'y');
    assert_int_equal(hepta_mailbox_close(b), 0);
    assert_int_equal(hepta_mailbox_close(c), 0);
    assert_int_equal(hepta_mailbox_unlink("/m"), 0);
    assert_int_equal(hepta_mailbox_unlink("/m"), -ENOENT);
}

static void test_unlinked(void **state)
{
    struct hepta_mailbox *b;
    (void)state;
    begin();
    assert_int_equal(hepta_mailbox_open("/m", 0, 0, NULL, &b), 0);
    assert_int_equal(hepta_mailbox_unlink("/m"), 0);
    assert_int_equal(hepta_mailbox_send(b, 40, NULL, 0, 0), 0); /* it is received */
    assert_int_equal(take(), 40);
    assert_int_equal(hepta_mailbox_close(box), 0);
    assert_int_equal(hepta_mailbox_send(b, 40, NULL, 0, 0), -ESRCH);
    assert_int_equal(hepta_mailbox_send(b, 4, NULL, 0, 0), -ESRCH);
    assert_int_equal(hepta_mailbox_send(b, 0, NULL, 0, 0), -ESRCH);
    assert_int_equal(hepta_mailbox_close(b), 0);
}

static int become_nobody(void *arg)
{
    struct hepta_mailbox *b;
    (void)arg;
    if (names_become(NOBODY) != 0)
        return UNIT_SKIP;
    CHILD_CHECK(hepta_mailbox_open("/m", 0, 0, NULL, &b) == -EACCES);
    return 0;
}

static void test_permission(void **state)
{
    (void)state;
    begin();
    unit_in_child(become_nobody, NULL);
    end();
}

static void test_deadline(void **state)
{
    (void)state;
    begin();
    int64_t start = hepta_now_ns();
    assert_int_equal(hepta_mailbox_wait(box, &got, hepta_in_ms(30)), -ETIMEDOUT);
    assert_true(hepta_now_ns() - start >= 30 * H7_MS);
    assert_int_equal(hepta_mailbox_wait(box, &got, -5), -ETIMEDOUT);
    end();
}

static int send_later(void *arg)
{
    struct hepta_mailbox *b;
    (void)arg;
    CHILD_CHECK(hepta_mailbox_open("/m", 0, 0, NULL, &b) == 0);
    for (uint32_t i = 0; i < 20; i++) {
        unit_sleep_ms(3);
        CHILD_CHECK(hepta_mailbox_send(b, 45, &i, sizeof i, 0) == 0);
    }
    return 0;
}

static void test_sleep(void **state)
{
    (void)state;
    begin();
    pid_t pid = unit_start(send_later, NULL);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(hepta_mailbox_wait(box, &got, hepta_in_ms(20000)), 45);
        assert_int_equal(number(), i);
        assert_int_equal(got.pid, pid);
    }
    assert_int_equal(unit_reap(pid), 0);
    end();
}

static int in_the_child(void *arg)
{
    (void)arg;
    CHILD_CHECK(hepta_mailbox_wait(box, NULL, HEPTA_NOW) == -EPERM);
    CHILD_CHECK(hepta_mailbox_send(box, 33, NULL, 0, 0) == 0);
    struct hepta_mailbox *b;
    CHILD_CHECK(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &b) == -EBUSY);
    CHILD_CHECK(hepta_mailbox_close(box) == 0);
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
    begin();
    pid_t pid = unit_start(in_the_child, NULL);
    assert_int_equal(unit_reap(pid), 0);
    assert_int_equal(take(), 33);
    assert_int_equal(got.pid, pid);
    assert_int_equal(stat_now().receiver, getpid());
    end();
}

/* --- threads ----------------------------------------------------------------------------- */

#define SENDERS 4
#define EACH 5000

static void *send_many(void *arg)
{
    int n = 40 + (int)(uintptr_t)arg % 2;
    for (uint32_t i = 0; i < EACH; i++) {
        uint32_t number = (uint32_t)(uintptr_t)arg << 24 | i;
        while (send_number(n, number) == -EAGAIN)
            sched_yield();
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t t[SENDERS];
    uint32_t next[SENDERS] = {0};
    (void)state;
    begin_deep(RECEIVE, 64);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, send_many, (void *)(uintptr_t)i), 0);
    for (int i = 0; i < SENDERS * EACH; i++) {
        assert_true(hepta_mailbox_wait(box, &got, hepta_in_ms(60000)) >= 40);
        uint32_t who = number() >> 24;
        assert_true(who < SENDERS);
        assert_int_equal(number() & 0xffffff, next[who]++);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(stat_now().sent, SENDERS * EACH);
    end();
}

static struct h7_a32 n_taken;

static void *take_many(void *arg)
{
    (void)arg;
    while (hepta_mailbox_wait(box, NULL, hepta_in_ms(30000)) != 31)
        h7_add32_release(&n_taken, 1);
    send_bare(31); /* for the next one */
    return NULL;
}

static void test_threads_take(void **state)
{
    pthread_t t[3];
    (void)state;
    begin();
    h7_store32_relaxed(&n_taken, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, take_many, NULL), 0);
    for (int i = 0; i < 3000; i++) {
        while (send_bare(40) == -EAGAIN)
            sched_yield();
        if (i % 100 == 0)
            unit_sleep_ms(1); /* all fall asleep */
    }
    while (h7_load32_relaxed(&n_taken) != 3000)
        unit_sleep_ms(1);
    assert_int_equal(send_bare(31), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(take(), 31);
    end();
}

/* --- handlers ---------------------------------------------------------------------------- */

static volatile sig_atomic_t n_handled;

static void on_alarm(int sig)
{
    int saved = errno;
    (void)sig;
    if (hepta_mailbox_send(box, 35, NULL, 0, 0) == 0)
        n_handled++;
    int r = hepta_mailbox_wait(box, NULL, HEPTA_NOW); /* of what it interrupted, or its own */
    if (r > 0)
        n_handled--;
    errno = saved;
}

static void test_handler(void **state)
{
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    struct sigaction sa = {.sa_handler = on_alarm}, was;
    int n = 0;
    (void)state;
    begin();
    n_handled = 0;
    sigaction(SIGVTALRM, &sa, &was);
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    for (int i = 0; i < 300000; i++) {
        int r = send_bare(34);
        assert_true(r == 0 || r == -EAGAIN);
        n += r == 0;
        r = take();
        assert_true(r == -EAGAIN || r == 34 || r == 35);
        n -= r > 0;
    }
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    sigaction(SIGVTALRM, &was, NULL);
    n += n_handled;
    while (take() > 0)
        n--;
    assert_int_equal(n, 0);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_coalesce),
    NAMES_TEST(test_queue_in_order),
    NAMES_TEST(test_payload),
    NAMES_TEST(test_full),
    NAMES_TEST(test_mask),
    NAMES_TEST(test_open),
    NAMES_TEST(test_unlinked),
    NAMES_TEST(test_permission),
    NAMES_TEST(test_deadline),
    NAMES_TEST(test_sleep),
    NAMES_TEST(test_fork),
    NAMES_TEST(test_threads),
    NAMES_TEST(test_threads_take),
    NAMES_TEST(test_handler),
};

NAMES_MAIN(tests)
