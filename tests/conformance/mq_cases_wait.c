/* SPDX-License-Identifier: MIT */
/* mq_cases_wait.c - what blocks, what wakes, in which order, and what ends a wait */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mq_room.h"

static void fill(struct conf *c, struct queue *q)
{
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, put_n(c, q->h, i, 0, NOW), 0);
}

static void receiver_waits(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = receiver(c, q.h, 0, EVER);
    EQ(c, put_n(c, q.h, 77, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 77);
    remove_queue(c, &q);
}

static void sender_waits(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    fill(c, &q);
    pid_t pid = sender(c, q.h, 0, 77, EVER);
    EQ(c, get_n(c, q.h, NULL, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, n_msgs(c, q.h), N_MSGS);
    remove_queue(c, &q);
}

/* One message wakes one; the longest waiting of equal threads is first. */
static void receivers_in_order(struct conf *c)
{
    struct queue q;
    pid_t pid[4];
    make_queue(c, &q);
    for (int i = 0; i < 4; i++)
        pid[i] = receiver(c, q.h, i, EVER);
    for (int i = 0; i < 4; i++) {
        EQ(c, put_n(c, q.h, 100 + i, 0, NOW), 0);
        conf_join(c, pid[i]);
        EQ(c, conf_get(c, RESULT + i), 100 + i);
        EQ(c, conf_get(c, COUNTER), i + 1);
    }
    remove_queue(c, &q);
}

static void senders_in_order(struct conf *c)
{
    struct queue q;
    pid_t pid[4];
    make_queue(c, &q);
    fill(c, &q);
    for (int i = 0; i < 4; i++)
        pid[i] = sender(c, q.h, i, 100 + i, EVER);
    for (int i = 0; i < 4; i++) {
        EQ(c, get_n(c, q.h, NULL, NOW), i);
        conf_join(c, pid[i]);
    }
    for (int i = 0; i < 4; i++)
        EQ(c, get_n(c, q.h, NULL, NOW), 100 + i);
    remove_queue(c, &q);
}

/* Who comes later, and has the higher priority, is first: by nice values, as root. */
static void thread_priority_first(struct conf *c)
{
    struct queue q;
    pid_t pid[3];
    static const int nice_of[] = {5, -5, 0};
    static const int order[] = {1, 2, 0};
    make_queue(c, &q);
    for (int i = 0; i < 3; i++) {
        EQ(c, setpriority(PRIO_PROCESS, 0, nice_of[i]), 0);
        pid[i] = receiver(c, q.h, i, EVER);
    }
    setpriority(PRIO_PROCESS, 0, 0);
    for (int i = 0; i < 3; i++) {
        EQ(c, put_n(c, q.h, 50 + i, 0, NOW), 0);
        conf_join(c, pid[order[i]]);
        EQ(c, conf_get(c, RESULT + order[i]), 50 + i);
    }
    remove_queue(c, &q);
}

static void realtime_first(struct conf *c)
{
    struct queue q;
    pid_t pid[2];
    make_queue(c, &q);
    for (int i = 0; i < 2; i++) {
        struct sched_param p = {.sched_priority = i};
        EQ(c, sched_setscheduler(0, i ? SCHED_FIFO : SCHED_OTHER, &p), 0);
        pid[i] = receiver(c, q.h, i, EVER);
    }
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
    EQ(c, put_n(c, q.h, 50, 0, NOW), 0);
    conf_join(c, pid[1]);
    EQ(c, put_n(c, q.h, 51, 0, NOW), 0);
    conf_join(c, pid[0]);
    EQ(c, conf_get(c, RESULT + 1), 50);
    remove_queue(c, &q);
}

static void deadlines(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    int64_t end = hepta_in_ms(30);
    EQ(c, get_n(c, q.h, NULL, end), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= end - 2000000); /* two clocks, on the kernel's side */
    fill(c, &q);
    end = hepta_in_ms(30);
    EQ(c, put_n(c, q.h, 1, 0, end), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= end - 2000000);
    EQ(c, n_msgs(c, q.h), N_MSGS);
    remove_queue(c, &q);
}

/* Without a need to wait the deadline isn't looked at. */
static void past_deadline(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    int64_t past = hepta_now_ns() - 1000000000;
    EQ(c, put_n(c, q.h, 1, 0, past), 0);
    EQ(c, get_n(c, q.h, NULL, past), 1);
    EQ(c, get_n(c, q.h, NULL, past), -ETIMEDOUT);
    remove_queue(c, &q);
}

static void killed_receiver(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t first = receiver(c, q.h, 0, EVER), second = receiver(c, q.h, 1, EVER);
    conf_kill(c, first);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    conf_join(c, second);
    EQ(c, conf_get(c, RESULT + 1), 5);
    remove_queue(c, &q);
}

static void killed_sender(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    fill(c, &q);
    pid_t first = sender(c, q.h, 0, 100, EVER), second = sender(c, q.h, 1, 101, EVER);
    conf_kill(c, first);
    EQ(c, get_n(c, q.h, NULL, NOW), 0);
    conf_join(c, second);
    for (int i = 1; i < N_MSGS; i++)
        EQ(c, get_n(c, q.h, NULL, NOW), i);
    EQ(c, get_n(c, q.h, NULL, NOW), 101);
    remove_queue(c, &q);
}

static void timed_out_receiver(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t first = receiver(c, q.h, 0, hepta_in_ms(500)), second = receiver(c, q.h, 1, EVER);
    conf_join(c, first);
    EQ(c, conf_get(c, RESULT), -ETIMEDOUT);
    EQ(c, put_n(c, q.h, 5, 0, NOW), 0);
    conf_join(c, second);
    EQ(c, conf_get(c, RESULT + 1), 5);
    remove_queue(c, &q);
}

static void interrupted(struct conf *c, int sends)
{
    struct queue q;
    make_queue(c, &q);
    if (sends)
        fill(c, &q);
    conf_handle(c, SIGUSR1, 0);
    pid_t pid = sends ? sender(c, q.h, 0, 1, EVER) : receiver(c, q.h, 0, EVER);
    kill(pid, SIGUSR1);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), -EINTR);
    EQ(c, n_msgs(c, q.h), sends ? N_MSGS : 0);
    remove_queue(c, &q);
}

static void interrupted_receiver(struct conf *c)
{
    interrupted(c, 0);
}

static void interrupted_sender(struct conf *c)
{
    interrupted(c, 1);
}

static void restarted(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    conf_handle(c, SIGUSR1, SA_RESTART);
    pid_t pid = receiver(c, q.h, 0, EVER);
    kill(pid, SIGUSR1);
    if (conf_side(c) == CONF_KERNEL) {
        conf_asleep(c, pid);
        EQ(c, put_n(c, q.h, 8, 0, NOW), 0);
    }
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), DIFFERS(c, 8, -EINTR));
    remove_queue(c, &q);
}

/* A sender that waits for room; what it sends goes by its priority. */
static void unlinked_while_waiting(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    pid_t pid = receiver(c, q.h, 0, EVER);
    EQ(c, mops(c)->unlink(q.name), 0);
    EQ(c, put_n(c, q.h, 6, 0, NOW), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 6);
    mops(c)->close(q.h);
}

static void sender_waits_for_its_turn(struct conf *c)
{
    struct queue q;
    make_queue(c, &q);
    fill(c, &q);
    pid_t pid = sender(c, q.h, 0, 100, EVER);
    for (int i = 0; i < N_MSGS; i++)
        EQ(c, get_n(c, q.h, NULL, EVER), i);
    EQ(c, get_n(c, q.h, NULL, EVER), 100);
    conf_join(c, pid);
    remove_queue(c, &q);
}

const struct conf_case mq_wait_cases[] = {
    {"wait.receiver_waits", receiver_waits, 0, NULL, NULL, 0},
    {"wait.sender_waits", sender_waits, 0, NULL, NULL, 0},
    {"wait.receivers_in_order", receivers_in_order, 0, NULL, NULL, 0},
    {"wait.senders_in_order", senders_in_order, 0, NULL, NULL, 0},
    {"wait.thread_priority_first", thread_priority_first, CONF_AS_ROOT, NULL, NULL, 0},
    {"wait.realtime_first", realtime_first, CONF_AS_ROOT, NULL, NULL, 0},
    {"wait.deadlines", deadlines, 0, NULL, NULL, 0},
    {"wait.past_deadline", past_deadline, 0, NULL, NULL, 0},
    {"wait.killed_receiver", killed_receiver, 0, NULL, NULL, 0},
    {"wait.killed_sender", killed_sender, 0, NULL, NULL, 0},
    {"wait.timed_out_receiver", timed_out_receiver, 0, NULL, NULL, 0},
    {"wait.interrupted_receiver", interrupted_receiver, 0, NULL, NULL, 0},
    {"wait.interrupted_sender", interrupted_sender, 0, NULL, NULL, 0},
    {"wait.restarted", restarted, 0, "no-restart", NULL, 0},
    {"wait.unlinked_while_waiting", unlinked_while_waiting, 0, NULL, NULL, 0},
    {"wait.sender_waits_for_its_turn", sender_waits_for_its_turn, 0, NULL, NULL, 0},
    {0},
};
