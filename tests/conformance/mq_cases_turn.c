/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_turn.c - of several that want the same, who gets it; and that no wake is lost
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define N_SENDERS 4

/* Senders that sleep, of these ranks: nice values, or priorities of SCHED_FIFO (0: not). They get
 * room one by one, in this order, and their messages are in the queue in this order. */
static void rank(struct conf *c, bool realtime, int value)
{
    struct sched_param param = {.sched_priority = value};

    if (!realtime)
        EQ(c, setpriority(PRIO_PROCESS, 0, value), 0);
    else if (value > 0)
        EQ(c, sched_setscheduler(0, SCHED_FIFO, &param), 0);
}

static pid_t ranked_sender(struct conf *c, struct mqh *q, int i, bool realtime, int value)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        rank(c, realtime, value);
        conf_set(c, ASLEEP + i, 1);
        EQ(c, try_say(c, q, (char[]){(char)('1' + i), 0}, EVER), 0);
        conf_set(c, SAID + i, 1);
        conf_exit();
    }
    conf_asleep_after(c, child, ASLEEP + i);
    return child;
}

static void senders(struct conf *c, bool realtime, const int *value, const int *turn)
{
    struct mqh *q = make_mq(c);
    pid_t child[N_SENDERS];

    fill_mq(c, q);
    for (int i = 0; i < N_SENDERS; i++)
        child[i] = ranked_sender(c, q, i, realtime, value[i]);
    for (int i = 0; i < N_SENDERS; i++) {
        mq_hear(c, q, "0", 0);
        conf_join(c, child[turn[i]]);
        for (int j = i + 1; j < N_SENDERS; j++)
            EQ(c, conf_get(c, SAID + turn[j]), 0);
    }
    for (int i = 0; i < N_SENDERS; i++)
        mq_hear(c, q, (char[]){(char)('1' + turn[i]), 0}, 0);
    close_mq(c, q);
}

static void senders_nice(struct conf *c)
{
    senders(c, false, (const int[]){10, 2, 10, 2}, (const int[]){1, 3, 0, 2});
}

static void senders_realtime(struct conf *c)
{
    senders(c, true, (const int[]){0, 3, 9, 3}, (const int[]){2, 1, 3, 0});
}

/* A message wakes one; a second one the next. */
static void one_each(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child[3];

    for (int i = 0; i < 3; i++)
        child[i] = hearer(c, q, i);
    mq_say(c, q, "5", 0);
    mq_say(c, q, "5", 0);
    conf_join(c, child[0]);
    conf_join(c, child[1]);
    conf_asleep(c, child[2]);
    EQ(c, conf_get(c, HEARD + 2), 0);
    mq_say(c, q, "6", 0);
    conf_join(c, child[2]);
    EQ(c, conf_get(c, HEARD + 2), 6);
    close_mq(c, q);
}

/* Two take turns through two queues of one place. */
static void ping_pong(struct conf *c)
{
    struct queue there, back;
    const int n = 2000;

    make_sized(c, &there, 1, 8);
    make_sized(c, &back, 1, 8);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < n; i++) {
            EQ(c, try_hear(c, there.h, EVER), 1);
            EQ(c, try_say(c, back.h, "x", EVER), 0);
        }
        conf_exit();
    }
    for (int i = 0; i < n; i++) {
        EQ(c, try_say(c, there.h, "x", EVER), 0);
        EQ(c, try_hear(c, back.h, EVER), 1);
    }
    conf_join(c, child);
    remove_queue(c, &there);
    remove_queue(c, &back);
}

/* A stop, and a signal that is ignored, are no handlers: the wait goes on, in its place. */
static void stopped(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child = hearer(c, q, 0);

    EQ(c, kill(child, SIGCHLD), 0);
    conf_asleep(c, child);
    EQ(c, kill(child, SIGSTOP), 0);
    conf_pause_ms(5);
    EQ(c, kill(child, SIGCONT), 0);
    conf_asleep(c, child);
    mq_say(c, q, "3", 0);
    conf_join(c, child);
    EQ(c, conf_get(c, HEARD), 3);
    close_mq(c, q);
}

/* Several make the queue at once. */
static void one_maker_wins(struct conf *c)
{
    struct mq_name name = mq_name();
    pid_t child[4];

    for (int i = 0; i < 4; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            conf_await(c, 0, 1);
            int err = try_mq(c, &name, MQ_NEW);
            OK(c, err == 0 || err == -EEXIST);
            conf_add(c, err == 0 ? 1 : 2, 1);
            conf_exit();
        }
    }
    conf_set(c, 0, 1);
    for (int i = 0; i < 4; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, 1), 1);
    EQ(c, conf_get(c, 2), 3);
    remove_mq(c, &name);
}

const struct conf_case mq_turn_cases[] = {
    {"turn.senders_nice", senders_nice, CONF_AS_ROOT, NULL, NULL, 0},
    {"turn.senders_realtime", senders_realtime, CONF_AS_ROOT, NULL, NULL, 0},
    {"turn.one_each", one_each, 0, NULL, NULL, 0},
    {"turn.ping_pong", ping_pong, 0, NULL, NULL, 0},
    {"turn.stopped", stopped, 0, NULL, NULL, 0},
    {"turn.one_maker_wins", one_maker_wins, 0, NULL, NULL, 0},
    {0},
};
