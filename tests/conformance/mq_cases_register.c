/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_register.c - who is registered to be told, how often and how long; the rest is in
 * mq_cases_notify.c
 *
 * The signal is blocked and taken with sigtimedwait(2), so no handler's moment matters. That
 * nothing came is known when a message that has to tell came after it, or after a short wait.
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SIG SIGUSR2

static const struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIG};
static const struct sigevent by_nothing = {.sigev_notify = SIGEV_NONE};

static bool told(int ms)
{
    sigset_t set;
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

    sigemptyset(&set);
    sigaddset(&set, SIG);
    return sigtimedwait(&set, NULL, &ts) == SIG;
}

static void block(struct conf *c)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIG);
    EQ(c, sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static struct mqh *registered(struct conf *c)
{
    struct mqh *q = make_mq(c);

    block(c);
    EQ(c, mops(c)->notify(q, &by_signal), 0);
    return q;
}

/* What another process gets that asks to be told: 0, or -EBUSY while somebody is registered. */
static int other_asks(struct conf *c, struct mqh *q)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_set(c, 50, mops(c)->notify(q, &by_nothing));
        conf_exit();
    }
    conf_join(c, child);
    return (int)conf_get(c, 50);
}

static void again(struct conf *c)
{
    struct mqh *q = registered(c);

    for (int i = 0; i < 10; i++) {
        mq_say(c, q, "a", 0);
        OK(c, told(LONG_MS));
        EQ(c, mops(c)->notify(q, &by_signal), 0);
        mq_hear(c, q, "a", 0);
    }
    close_mq(c, q);
}

/* Who isn't registered ends nothing. */
static void not_anothers(struct conf *c)
{
    struct mqh *q = registered(c);
    pid_t child = conf_fork(c);

    if (child == 0) {
        EQ(c, mops(c)->notify(q, NULL), 0);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, other_asks(c, q), -EBUSY);
    mq_say(c, q, "x", 0);
    OK(c, told(LONG_MS));
    close_mq(c, q);
}

static pid_t holder(struct conf *c, struct mqh *q)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        EQ(c, mops(c)->notify(q, &by_nothing), 0);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, mops(c)->notify(q, &by_nothing), -EBUSY);
    return child;
}

static void ended_process(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child = holder(c, q);

    conf_set(c, 1, 1);
    conf_join(c, child);
    EQ(c, mops(c)->notify(q, &by_nothing), 0);
    close_mq(c, q);
}

/* Two queues, two registrations of one process. */
static void two_queues(struct conf *c)
{
    struct mqh *q = registered(c), *other = make_mq(c);

    EQ(c, mops(c)->notify(other, &by_signal), 0);
    mq_say(c, other, "x", 0);
    OK(c, told(LONG_MS));
    mq_say(c, q, "x", 0);
    OK(c, told(LONG_MS));
    close_mq(c, q);
    close_mq(c, other);
}

static void bad_event(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct sigevent ev = {.sigev_notify = 77};

    EQ(c, mops(c)->notify(q, &ev), -EINVAL);
    ev = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 1000};
    EQ(c, mops(c)->notify(q, &ev), -EINVAL);
    EQ(c, other_asks(c, q), 0);
    close_mq(c, q);
}

/* What a lease gives back comes into the empty queue, too. */
static void given_back(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct hepta_mq_info info;
    char buf[MSG_SIZE];

    block(c);
    mq_say(c, q, "x", 0);
    EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), 1);
    EQ(c, mops(c)->notify(q, &by_signal), 0);
    EQ(c, hepta_mq_give_back(mq_hepta(q), info.lease), 0);
    OK(c, told(LONG_MS));
    close_mq(c, q);
}

/* The process that is registered is seen. */
static void seen(struct conf *c)
{
    struct mqh *q = registered(c);
    struct hepta_mq_stat st;

    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    EQ(c, st.notify_pid, getpid());
    EQ(c, mops(c)->notify(q, NULL), 0);
    EQ(c, hepta_mq_stat(mq_hepta(q), &st, sizeof(st)), 0);
    EQ(c, st.notify_pid, 0);
    close_mq(c, q);
}

const struct conf_case mq_register_cases[] = {
    {"register.again", again, 0, NULL, NULL, 0},
    {"register.not_anothers", not_anothers, 0, NULL, NULL, 0},
    {"register.ended_process", ended_process, 0, NULL, NULL, 0},
    {"register.two_queues", two_queues, 0, NULL, NULL, 0},
    {"register.bad_event", bad_event, 0, NULL, NULL, 0},
    {"register.given_back", given_back, NEEDS_LEASES, NULL, NULL, 0},
    {"register.seen", seen, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
