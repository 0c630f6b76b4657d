/* SPDX-License-Identifier: MIT */
/*
 * queue/order_test.c - a message of higher priority is never behind one of lower while others
 * send and receive
 *
 * Receivers don't look at what was published since the last batch unless a sender says that it
 * must go first (queue/take.c). The place where that could be missed is a floor that another
 * receiver raises at the moment of the send.
 */
#define _GNU_SOURCE
#include "name/name_test.h"

#include <hepta/mq.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define URGENT 20
#define FOR_NS 1500000000

static struct hepta_mq *mq;

static void send_low(void)
{
    static uint32_t i;
    char text[8] = {0};
    hepta_mq_send(mq, text, sizeof text, 1 + i++ * 2654435761u % 9, HEPTA_FOREVER);
}

static void receive_any(void)
{
    char text[8];
    hepta_mq_receive(mq, text, sizeof text, NULL, HEPTA_FOREVER);
}

static pid_t run_for_ever(void (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            what();
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* 1: the urgent message came after one of lower priority that was received later than it was
 * sent. Somebody else may have received it. */
static int comes_late(uint64_t number)
{
    uint64_t got;
    uint32_t prio;
    int low = 0;
    if (hepta_mq_send(mq, &number, sizeof number, URGENT, HEPTA_NOW) != 0)
        return 0; /* full */
    for (int i = 0; i < 3; i++) {
        if (hepta_mq_receive(mq, &got, sizeof got, &prio, HEPTA_NOW) < 0)
            return 0;
        if (prio == URGENT && got == number)
            return low > 0;
        low += prio != URGENT; /* an earlier urgent one may be left: a lock was busy */
    }
    return 0;
}

static void test_urgent_goes_first(void **state)
{
    struct hepta_mq_options opt = {.size = sizeof opt, .msgs_max = 64, .msg_max = 8};
    int late = 0;
    (void)state;
    assert_int_equal(hepta_mq_open(&mq, "/order", HEPTA_MQ_READ | HEPTA_MQ_WRITE | HEPTA_MQ_CREATE,
                                   0600, &opt),
                     0);
    pid_t sender = run_for_ever(send_low), receiver = run_for_ever(receive_any);
    int64_t until = hepta_now_ns() + FOR_NS;
    for (uint64_t i = 1; hepta_now_ns() < until; i++)
        late += comes_late(i);
    end(sender);
    end(receiver);
    mq = hepta_mq_close(mq);
    assert_int_equal(late, 0);
    assert_int_equal(hepta_mq_unlink("/order"), 0);
}

static const struct CMUnitTest tests[] = {
    NAMES_TEST(test_urgent_goes_first),
};
NAMES_MAIN(tests)
