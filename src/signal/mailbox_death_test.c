/* SPDX-License-Identifier: MIT */
/* signal/mailbox_death_test.c - mailboxes: what the dead leave, acknowledging, who polls */
#define _GNU_SOURCE
#include "signal/mailbox_test.h"

/* --- acknowledging ----------------------------------------------------------------------- */

static void reopen(uint32_t flags)
{
    assert_int_equal(hepta_mailbox_open("/m", flags, 0, NULL, &box), 0);
}

static void test_ack(void **state)
{
    (void)state;
    begin_deep(ACK, 4);
    assert_int_equal(hepta_mailbox_ack(box), -EINVAL);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(send_number(40, i), 0);
    assert_int_equal(take(), 40);
    assert_int_equal(send_bare(40), -EAGAIN); /* it still has its place */
    assert_int_equal(stat_now().queued, 3);
    assert_int_equal(hepta_mailbox_ack(box), 0);
    assert_int_equal(hepta_mailbox_ack(box), -EINVAL);
    assert_int_equal(send_number(40, 4), 0);
    assert_int_equal(take(), 40);
    assert_int_equal(number(), 1);
    assert_int_equal(take(), 40); /* that was the one before acknowledged */
    assert_int_equal(number(), 2);
    assert_int_equal(hepta_mailbox_close(box), 0); /* and that was this one */
    reopen(ACK);
    assert_int_equal(take(), 40);
    assert_int_equal(number(), 3);
    assert_int_equal(take(), 40);
    assert_int_equal(number(), 4);
    assert_int_equal(take(), -EAGAIN);
    end();
}

/* What the children do: take n, then be killed. */
static int take_and_stay(void *arg)
{
    uint32_t *said = arg;
    CHILD_CHECK(hepta_mailbox_open("/m", ACK, 0, NULL, &box) == 0);
    for (uint32_t i = 0; i < said[1]; i++)
        CHILD_CHECK(take() > 0);
    unit_say(said, 1);
    return unit_stay();
}

static void take_and_die(uint32_t n)
{
    uint32_t *said = unit_shared(4096);
    said[1] = n;
    pid_t pid = unit_start(take_and_stay, said);
    unit_await(said, 0);
    unit_kill(pid);
    munmap(said, 4096);
}

static void test_given_again(void **state)
{
    (void)state;
    begin_with(0, NULL);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(send_number(40, i), 0);
    for (int i = 0; i < 3; i++)
        take_and_die(1); /* the first, again and again */
    take_and_die(2);
    assert_int_equal(send_number(39, 9), 0);
    assert_int_equal(hepta_mailbox_close(box), 0);
    reopen(ACK);
    check();
    assert_int_equal(take(), 39);
    for (uint32_t i = 1; i < 5; i++) { /* in the order in which they were sent */
        assert_int_equal(take(), 40);
        assert_int_equal(number(), i);
    }
    assert_int_equal(take(), -EAGAIN);
    struct hepta_mailbox_stat st = stat_now();
    assert_int_equal(st.sent, 6);
    assert_int_equal(st.received, 6);
    end();
}

static void test_one_given_again(void **state)
{
    (void)state;
    begin_with(0, NULL);
    assert_int_equal(send_bare(7), 0);
    take_and_die(1);
    assert_int_equal(send_bare(7), 0); /* before it is given again: both are one */
    assert_int_equal(hepta_mailbox_close(box), 0);
    reopen(ACK);
    assert_int_equal(take(), 7);
    assert_int_equal(take(), -EAGAIN);
    end();
}

/* --- deaths ------------------------------------------------------------------------------ */

static int receive_and_stay(void *arg)
{
    CHILD_CHECK(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &box) == 0);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_next_receiver(void **state)
{
    struct hepta_mailbox *b;
    uint32_t *said = unit_shared(4096);
    (void)state;
    begin_with(0, NULL);
    pid_t pid = unit_start(receive_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(stat_now().receiver, pid);
    assert_int_equal(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &b), -EBUSY);
    assert_int_equal(hepta_mailbox_send(box, 33, NULL, 0, HEPTA_MAILBOX_LIVE), 0);
    unit_kill(pid);
    assert_int_equal(stat_now().receiver, 0);
    assert_int_equal(hepta_mailbox_send(box, 33, NULL, 0, HEPTA_MAILBOX_LIVE), -ESRCH);
    assert_int_equal(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &b), 0);
    assert_int_equal(hepta_mailbox_wait(b, NULL, HEPTA_NOW), 33);
    assert_int_equal(hepta_mailbox_close(b), 0);
    munmap(said, 4096);
    end();
}

static void test_unlinked_and_dead(void **state)
{
    uint32_t *said = unit_shared(4096);
    (void)state;
    begin_with(0, NULL);
    pid_t pid = unit_start(receive_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(hepta_mailbox_unlink("/m"), 0);
    assert_int_equal(send_bare(33), 0);
    unit_kill(pid);
    assert_int_equal(send_bare(33), -ESRCH);
    assert_int_equal(send_bare(3), -ESRCH);
    munmap(said, 4096);
    check();
    assert_int_equal(hepta_mailbox_close(box), 0);
}

/* As a sender does before its push: B1. */
static int claim_and_die(void *arg)
{
    uint32_t n = 0, *places = arg;
    for (uint32_t i = 0; i < box->depth && n < *places; i++) {
        uint32_t none = 0;
        n += h7_cas32_acquire(&box->slots[i].state, &none, h7_self()->tid);
    }
    return n == *places ? 0 : 1;
}

/* Opening was one. */
static void after_the_last_sweep(void)
{
    unit_sleep_ms(H7_MAILBOX_SWEEP_NS / H7_MS + 20);
}

static void test_places_of_the_dead(void **state)
{
    uint32_t places = 3;
    (void)state;
    begin_deep(RECEIVE, 4);
    unit_in_child(claim_and_die, &places);
    after_the_last_sweep();
    assert_int_equal(send_number(40, 1), 0);
    assert_int_equal(send_number(40, 2), -EAGAIN);
    assert_int_equal(take(), 40);
    assert_int_equal(take(), -EAGAIN); /* here they are found */
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(send_number(40, i), 0);
    assert_int_equal(stat_now().recovered, 3);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(take(), 40);
        assert_int_equal(number(), i);
    }
    end();
}

/* Who sleeps is woken to look for them. */
static void *try_to_send(void *arg)
{
    (void)arg;
    while (send_bare(41) == -EAGAIN)
        unit_sleep_ms(1);
    return NULL;
}

static void test_sleeper_frees_places(void **state)
{
    uint32_t places = 4;
    pthread_t t;
    (void)state;
    begin_deep(RECEIVE, 4);
    unit_in_child(claim_and_die, &places);
    assert_int_equal(pthread_create(&t, NULL, try_to_send, NULL), 0);
    assert_int_equal(hepta_mailbox_wait(box, &got, hepta_in_ms(20000)), 41);
    pthread_join(t, NULL);
    end();
}

/* A living sender keeps its place. */
static int claim_and_stay(void *arg)
{
    uint32_t one = 1;
    claim_and_die(&one);
    unit_say(arg, 1);
    return unit_stay();
}

static void test_place_of_the_living(void **state)
{
    uint32_t *said = unit_shared(4096);
    (void)state;
    begin_deep(RECEIVE, 1);
    pid_t pid = unit_start(claim_and_stay, said);
    unit_await(said, 0);
    assert_int_equal(send_bare(40), -EAGAIN);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(send_bare(40), -EAGAIN);
    unit_kill(pid);
    after_the_last_sweep();
    assert_int_equal(send_bare(40), -EAGAIN);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(send_bare(40), 0);
    assert_int_equal(take(), 40);
    munmap(said, 4096);
    end();
}

/* B2: committed, nobody called. */
static void *commit_only(void *arg)
{
    (void)arg;
    unit_sleep_ms(50);
    h7_or64_relaxed(&box->shared->used, HEPTA_SIGNAL(9));
    h7_store64_release(&box->shared->who[9], 1ull << 32);
    return NULL;
}

static void test_late_look(void **state)
{
    pthread_t t;
    (void)state;
    begin();
    assert_int_equal(pthread_create(&t, NULL, commit_only, NULL), 0);
    assert_int_equal(hepta_mailbox_wait(box, &got, hepta_in_ms(30000)), 9);
    pthread_join(t, NULL);
    end();
}

static int send_for_ever(void *arg)
{
    struct hepta_mailbox *b;
    (void)arg;
    CHILD_CHECK(hepta_mailbox_open("/m", 0, 0, NULL, &b) == 0);
    for (uint32_t i = 0;; i++) {
        int r = hepta_mailbox_send(b, 40 + (int)(i % 3), &i, sizeof i, 0);
        CHILD_CHECK(r == 0 || r == -EAGAIN);
    }
}

/* Killed anywhere: no place is lost. */
static void test_random_kills(void **state)
{
    (void)state;
    begin_deep(RECEIVE, 8);
    for (int i = 0; i < 200; i++) {
        pid_t pid = unit_start(send_for_ever, NULL);
        for (int k = 0; k < 20 + i * 7919 % 100; k++)
            assert_true(hepta_mailbox_wait(box, &got, hepta_in_ms(20000)) > 0);
        unit_kill(pid);
    }
    while (take() > 0)
        ;
    assert_int_equal(h7_lock(&box->shared->lock, HEPTA_NOW), 0);
    assert_int_equal(h7_mailbox_sweep(box), 0);
    h7_unlock(&box->shared->lock);
    for (int i = 0; i < 8; i++)
        assert_int_equal(send_bare(64), 0);
    assert_int_equal(send_bare(64), -EAGAIN);
    end();
}

/* --- who polls --------------------------------------------------------------------------- */

static void test_poll(void **state)
{
    (void)state;
    begin();
    int fd = hepta_mailbox_fd(box);
    assert_true(fd >= 0);
    assert_int_equal(hepta_mailbox_fd(box), fd);
    assert_int_equal(is_readable(fd, 0), 0);
    assert_int_equal(send_bare(40), 0);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(send_bare(2), 0);
    assert_int_equal(take(), 2);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(take(), 40);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 0), 0);
    assert_int_equal(send_bare(3), 0);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(take(), 3);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_BLOCK, HEPTA_SIGNAL(40), NULL), 0);
    assert_int_equal(send_bare(40), 0);
    assert_int_equal(is_readable(fd, 0), 0);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_UNBLOCK, HEPTA_SIGNAL(40), NULL), 0);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(hepta_mailbox_mask(box, HEPTA_SIGNAL_BLOCK, HEPTA_SIGNAL(40), NULL), 0);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 0), 0);
    end();
}

static void test_poll_what_is_there(void **state)
{
    (void)state;
    begin_with(0, NULL);
    assert_int_equal(send_bare(40), 0);
    assert_int_equal(hepta_mailbox_close(box), 0);
    reopen(RECEIVE);
    assert_int_equal(is_readable(hepta_mailbox_fd(box), 0), 1);
    assert_int_equal(hepta_mailbox_wait(box, NULL, HEPTA_FOREVER), 40);
    end();
}

/* B2, of who polls: rung, looked at, committed, and never rung again. */
static void test_late_look_of_who_polls(void **state)
{
    (void)state;
    begin();
    int fd = hepta_mailbox_fd(box);
    h7_mailbox_ring(box);
    assert_int_equal(is_readable(fd, 0), 1);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 0), 0);
    h7_or64_relaxed(&box->shared->used, HEPTA_SIGNAL(9));
    h7_store64_release(&box->shared->who[9], 1ull << 32);
    assert_int_equal(is_readable(fd, 30000), 1);
    assert_int_equal(take(), 9);
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 30000), 1); /* the last look */
    assert_int_equal(take(), -EAGAIN);
    assert_int_equal(is_readable(fd, 1200), 0); /* an idle one tells nothing */
    end();
}

static int poll_and_take(void *arg)
{
    struct hepta_mailbox *b;
    uint32_t *said = arg;
    CHILD_CHECK(hepta_mailbox_open("/m", RECEIVE, 0, NULL, &b) == 0);
    int fd = hepta_mailbox_fd(b);
    unit_say(said, 1);
    for (uint32_t next = 0; next < 20000;) {
        CHILD_CHECK(is_readable(fd, 30000) == 1);
        while (hepta_mailbox_wait(b, &got, HEPTA_NOW) > 0)
            CHILD_CHECK(number() == next++);
    }
    return 0;
}

static void test_poll_stream(void **state)
{
    uint32_t *said = unit_shared(4096);
    (void)state;
    begin_with(0, NULL);
    pid_t pid = unit_start(poll_and_take, said);
    unit_await(said, 0);
    for (uint32_t i = 0; i < 20000; i++) {
        while (send_number(50, i) == -EAGAIN)
            sched_yield();
        if (i % 1000 == 0)
            unit_sleep_ms(1);
    }
    assert_int_equal(unit_reap(pid), 0);
    munmap(said, 4096);
    end();
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_ack),
    NAMES_TEST(test_given_again),
    NAMES_TEST(test_one_given_again),
    NAMES_TEST(test_next_receiver),
    NAMES_TEST(test_unlinked_and_dead),
    NAMES_TEST(test_places_of_the_dead),
    NAMES_TEST(test_sleeper_frees_places),
    NAMES_TEST(test_place_of_the_living),
    NAMES_TEST(test_late_look),
    NAMES_TEST(test_random_kills),
    NAMES_TEST(test_poll),
    NAMES_TEST(test_poll_what_is_there),
    NAMES_TEST(test_late_look_of_who_polls),
    NAMES_TEST(test_poll_stream),
};

NAMES_MAIN(tests)
