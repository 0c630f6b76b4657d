/* SPDX-License-Identifier: MIT */
/* sem_cases_wait.c - who waits, who is woken, deadlines, and waiters that die */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>

#include "sem_room.h"

#define N 4

static void post_wakes_with(struct conf *c, union semaphore *s)
{
    pid_t pid = sem_waiter(c, s, 0, EVER);
    EQ(c, sops(c)->value(s), 0);
    EQ(c, sops(c)->post(s), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, sops(c)->value(s), 0);
}

static void post_wakes(struct conf *c)
{
    with_both(c, 0, post_wakes_with);
}

/* Each post lets one go on, and no more than one. */
static void one_each_with(struct conf *c, union semaphore *s)
{
    pid_t pid[N];
    for (int i = 0; i < N; i++)
        pid[i] = sem_waiter(c, s, i, EVER);
    for (int i = 1; i <= N; i++) {
        EQ(c, sops(c)->post(s), 0);
        conf_await(c, COUNTER, i);
        conf_pause_ms(5);
        EQ(c, conf_get(c, COUNTER), i);
        EQ(c, sops(c)->value(s), 0);
    }
    for (int i = 0; i < N; i++) {
        conf_join(c, pid[i]);
        EQ(c, conf_get(c, RESULT + i), 0);
    }
}

static void one_each(struct conf *c)
{
    with_both(c, 0, one_each_with);
}

/* Posts that come together wake as many. */
static void several_at_once(struct conf *c)
{
    struct one_sem one;
    pid_t pid[N];
    make_unnamed(c, &one, 0);
    for (int i = 0; i < N; i++)
        pid[i] = sem_waiter(c, one.s, i, EVER);
    for (int i = 0; i < N + 2; i++)
        EQ(c, sops(c)->post(one.s), 0);
    for (int i = 0; i < N; i++)
        conf_join(c, pid[i]);
    EQ(c, sops(c)->value(one.s), 2);
    drop_sem(c, &one);
}

/* A child asleep in wait, of this priority of SCHED_FIFO; 0: not. */
static pid_t ranked(struct conf *c, union semaphore *s, int i, int priority)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct sched_param param = {.sched_priority = priority};
        if (priority > 0)
            EQ(c, sched_setscheduler(0, SCHED_FIFO, &param), 0);
        conf_set(c, BEFORE, i + 1);
        EQ(c, sops(c)->wait(s, EVER), 0);
        conf_set(c, ORDER + i, conf_add(c, COUNTER, 1));
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

/* POSIX: the highest priority first. Among equals only that each gets its turn. */
static void realtime_first(struct conf *c)
{
    static const int priority[N] = {0, 3, 9, 0};
    struct one_sem one;
    pid_t pid[N];
    make_unnamed(c, &one, 0);
    for (int i = 0; i < N; i++)
        pid[i] = ranked(c, one.s, i, priority[i]);
    for (int i = 1; i <= N; i++) {
        EQ(c, sops(c)->post(one.s), 0);
        conf_await(c, COUNTER, i);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, pid[i]);
    EQ(c, conf_get(c, ORDER + 2), 1);
    EQ(c, conf_get(c, ORDER + 1), 2);
    drop_sem(c, &one);
}

static void deadlines_with(struct conf *c, union semaphore *s)
{
    int64_t until = in_some_ms(30);
    EQ(c, sops(c)->wait(s, until), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= until);
    EQ(c, sops(c)->value(s), 0);
    pid_t pid = sem_waiter(c, s, 0, in_some_ms(LONG_MS));
    EQ(c, sops(c)->post(s), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    EQ(c, sops(c)->wait(s, NOW), -EAGAIN);
}

static void deadlines(struct conf *c)
{
    with_both(c, 0, deadlines_with);
}

/* It is looked at only if it would wait. */
static void past_deadline_with(struct conf *c, union semaphore *s)
{
    EQ(c, sops(c)->wait(s, in_some_ms(-1000)), 0);
    EQ(c, sops(c)->wait(s, in_some_ms(-1000)), -ETIMEDOUT);
    EQ(c, sops(c)->wait(s, 1), -ETIMEDOUT);
    EQ(c, sops(c)->value(s), 0);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->wait(s, 1), 0);
}

static void past_deadline(struct conf *c)
{
    with_both(c, 1, past_deadline_with);
}

/* Who gave up has taken nothing with him. */
static void timed_out_among_others(struct conf *c)
{
    struct one_sem one;
    make_unnamed(c, &one, 0);
    pid_t other = sem_waiter(c, one.s, 0, EVER);
    EQ(c, sops(c)->wait(one.s, in_some_ms(60)), -ETIMEDOUT);
    conf_asleep(c, other);
    EQ(c, sops(c)->post(one.s), 0);
    conf_join(c, other);
    EQ(c, sops(c)->value(one.s), 0);
    drop_sem(c, &one);
}

static void killed_waiter_with(struct conf *c, union semaphore *s)
{
    pid_t first = sem_waiter(c, s, 0, EVER), second = sem_waiter(c, s, 1, EVER);
    conf_kill(c, first);
    EQ(c, sops(c)->value(s), 0);
    EQ(c, sops(c)->post(s), 0);
    conf_join(c, second);
    EQ(c, sops(c)->value(s), 0);
    EQ(c, sops(c)->post(s), 0);
    EQ(c, sops(c)->value(s), 1);
}

static void killed_waiter(struct conf *c)
{
    with_both(c, 0, killed_waiter_with);
}

/* What a process took, nobody gives back for it. */
static void taker_dies_with(struct conf *c, union semaphore *s)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, sops(c)->wait(s, NOW), 0);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    conf_kill(c, pid);
    EQ(c, sops(c)->value(s), 1);
    EQ(c, sops(c)->wait(s, NOW), 0);
    EQ(c, sops(c)->wait(s, in_some_ms(150)), -ETIMEDOUT);
    EQ(c, sops(c)->post(s), 0); /* anybody may */
}

static void taker_dies(struct conf *c)
{
    with_both(c, 2, taker_dies_with);
}

/* A stop, and a signal that is ignored, are no handlers: the wait goes on. */
static void stopped(struct conf *c)
{
    struct one_sem one;
    make_unnamed(c, &one, 0);
    pid_t pid = sem_waiter(c, one.s, 0, EVER);
    EQ(c, kill(pid, SIGCHLD), 0);
    conf_asleep(c, pid);
    EQ(c, kill(pid, SIGSTOP), 0);
    conf_pause_ms(5);
    EQ(c, kill(pid, SIGCONT), 0);
    conf_asleep(c, pid);
    EQ(c, sops(c)->post(one.s), 0);
    conf_join(c, pid);
    EQ(c, conf_get(c, RESULT), 0);
    drop_sem(c, &one);
}

/* Six processes, two at a time. */
static void mutual_exclusion_with(struct conf *c, union semaphore *s)
{
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = conf_fork(c)) == 0) {
            for (int n = 0; n < 1500; n++) {
                EQ(c, sops(c)->wait(s, n % 3 ? EVER : in_some_ms(LONG_MS)), 0);
                long in = conf_add(c, 0, 1);
                OK(c, in >= 1 && in <= 2);
                conf_add(c, 0, -1);
                EQ(c, sops(c)->post(s), 0);
            }
            conf_exit();
        }
    for (int i = 0; i < 6; i++)
        conf_join(c, pid[i]);
    EQ(c, sops(c)->value(s), 2);
}

static void mutual_exclusion(struct conf *c)
{
    with_both(c, 2, mutual_exclusion_with);
}

static void ping_pong(struct conf *c)
{
    struct one_sem there, back;
    make_unnamed(c, &there, 0);
    make_named(c, &back, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        for (int i = 0; i < 2000; i++) {
            EQ(c, sops(c)->wait(there.s, EVER), 0);
            EQ(c, sops(c)->post(back.s), 0);
        }
        conf_exit();
    }
    for (int i = 0; i < 2000; i++) {
        EQ(c, sops(c)->post(there.s), 0);
        EQ(c, sops(c)->wait(back.s, EVER), 0);
    }
    conf_join(c, pid);
    drop_sem(c, &there);
    drop_sem(c, &back);
}

const struct conf_case sem_wait_cases[] = {
    {"wait.post_wakes", post_wakes, 0, NULL, NULL, 0},
    {"wait.one_each", one_each, 0, NULL, NULL, 0},
    {"wait.several_at_once", several_at_once, 0, NULL, NULL, 0},
    {"wait.realtime_first", realtime_first, CONF_AS_ROOT, NULL, NULL, 0},
    {"wait.deadlines", deadlines, 0, NULL, NULL, 20},
    {"wait.past_deadline", past_deadline, 0, NULL, NULL, 0},
    {"wait.timed_out_among_others", timed_out_among_others, 0, NULL, NULL, 0},
    {"wait.killed_waiter", killed_waiter, 0, NULL, NULL, 0},
    {"wait.taker_dies", taker_dies, 0, NULL, NULL, 0},
    {"wait.stopped", stopped, 0, NULL, NULL, 0},
    {"wait.mutual_exclusion", mutual_exclusion, 0, NULL, NULL, 20},
    {"wait.ping_pong", ping_pong, 0, NULL, NULL, 0},
    {0},
};
