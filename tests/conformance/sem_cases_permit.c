/* SPDX-License-Identifier: MIT */
/* sem_cases_permit.c - permits, which only Hepta has: each place belongs to a process */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sem_room.h"

#define CREATE HEPTA_SEM_CREATE
#define EXCL HEPTA_SEM_EXCL

static struct hepta_permit *make(struct conf *c, struct sem_name *name, uint32_t places)
{
    struct hepta_permit *p = NULL;
    mode_t mask = umask(0);
    *name = sem_name();
    EQ(c, hepta_permit_open(name->s, CREATE | EXCL, 0666, places, NULL, &p), 0);
    umask(mask);
    return p;
}

static void drop(struct conf *c, const struct sem_name *name, struct hepta_permit *p)
{
    EQ(c, hepta_permit_unlink(name->s), 0);
    EQ(c, hepta_permit_close(p), 0);
}

static struct hepta_permit *open_permit(struct conf *c, const struct sem_name *name)
{
    struct hepta_permit *p = NULL;
    EQ(c, hepta_permit_open(name->s, 0, 0, 0, NULL, &p), 0);
    return p;
}

static struct hepta_permit_stat stat_of(struct conf *c, struct hepta_permit *p)
{
    struct hepta_permit_stat stat;
    EQ(c, hepta_permit_stat(p, &stat), 0);
    return stat;
}

/* A child that has taken @n, and ends when cell 1 is 1; cell 0 counts those that have. */
static pid_t holder(struct conf *c, struct hepta_permit *p, int n)
{
    long before = conf_get(c, 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        for (int i = 0; i < n; i++)
            EQ(c, hepta_permit_take(p, NOW), 0);
        conf_add(c, 0, 1);
        conf_await(c, 1, 1);
        conf_exit();
    }
    conf_await(c, 0, before + 1);
    return pid;
}

/* A child asleep in take, as sem_waiter(), which holds what it got until cell 2 is 1. Who is called
 * and gets no time to run for some ticks is overtaken: so they have it, where that is allowed. */
static pid_t taker(struct conf *c, struct hepta_permit *p, int i, int64_t deadline)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        setpriority(PRIO_PROCESS, 0, -15);
        conf_set(c, BEFORE, i + 1);
        int r = hepta_permit_take(p, deadline);
        conf_set(c, RESULT + i, r);
        conf_set(c, ORDER + i, conf_add(c, COUNTER, 1));
        conf_await(c, 2, 1);
        conf_exit();
    }
    conf_asleep_after(c, pid, BEFORE);
    conf_set(c, BEFORE, 0);
    return pid;
}

static void taken_and_given(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 2), *again = NULL;
    EQ(c, hepta_permit_open(name.s, CREATE | EXCL, 0600, 5, NULL, &again), -EEXIST);
    EQ(c, hepta_permit_give(p), -EPERM);
    EQ(c, hepta_permit_take(p, EVER), 0);
    EQ(c, hepta_permit_take(p, NOW), 0);
    EQ(c, hepta_permit_take(p, NOW), -EAGAIN);
    EQ(c, hepta_permit_take(p, in_some_ms(20)), -ETIMEDOUT);
    struct hepta_permit_stat stat = stat_of(c, p);
    EQ(c, stat.places, 2);
    EQ(c, stat.free, 0);
    EQ(c, stat.holders, 1);
    EQ(c, hepta_permit_give(p), 0);
    EQ(c, hepta_permit_give(p), 0);
    EQ(c, hepta_permit_give(p), -EPERM);
    stat = stat_of(c, p);
    EQ(c, stat.free, 2);
    EQ(c, stat.holders, 0);
    EQ(c, stat.taken, 2);
    EQ(c, stat.given, 2);
    EQ(c, stat.recovered, 0);
    drop(c, &name, p);
    EQ(c, hepta_permit_open(name.s, 0, 0, 0, NULL, &again), -ENOENT);
}

/* Whoever holds, however it goes: others have its places again, those who sleep first. */
static void holder_ends(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 3);
    for (int killed = 0; killed < 2; killed++) {
        pid_t pid = holder(c, p, 3), waits = taker(c, p, killed, EVER);
        EQ(c, stat_of(c, p).free, 0);
        if (killed) {
            conf_kill(c, pid);
        } else {
            conf_set(c, 1, 1);
            conf_join(c, pid);
        }
        conf_await(c, COUNTER, killed + 1);
        EQ(c, conf_get(c, RESULT + killed), 0);
        EQ(c, stat_of(c, p).free, 2);
        conf_set(c, 2, 1);
        conf_join(c, waits);
        EQ(c, stat_of(c, p).free, 3);
        conf_set(c, 1, 0);
        conf_set(c, 2, 0);
    }
    EQ(c, stat_of(c, p).holders, 0);
    EQ(c, stat_of(c, p).recovered, 8);
    drop(c, &name, p);
}

/* At once for who looks, without anybody asleep. */
static void seen_at_once(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    for (int i = 0; i < 5; i++) {
        conf_kill(c, holder(c, p, 1));
        EQ(c, hepta_permit_take(p, NOW), 0);
        EQ(c, hepta_permit_give(p), 0);
    }
    drop(c, &name, p);
}

static void in_order(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    pid_t pid[4];
    EQ(c, hepta_permit_take(p, NOW), 0);
    for (int i = 0; i < 4; i++)
        pid[i] = taker(c, p, i, EVER);
    EQ(c, stat_of(c, p).waiters, 4);
    EQ(c, hepta_permit_give(p), 0);
    for (int i = 0; i < 4; i++) {
        conf_await(c, ORDER + i, 1);
        EQ(c, conf_get(c, ORDER + i), i + 1);
        EQ(c, hepta_permit_take(p, NOW), -EAGAIN);
        conf_kill(c, pid[i]); /* it holds the one */
    }
    EQ(c, hepta_permit_take(p, NOW), 0);
    drop(c, &name, p);
}

static void killed_waiter(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    EQ(c, hepta_permit_take(p, NOW), 0);
    pid_t first = taker(c, p, 0, EVER), second = taker(c, p, 1, EVER);
    conf_kill(c, first);
    EQ(c, hepta_permit_give(p), 0);
    conf_await(c, COUNTER, 1);
    EQ(c, conf_get(c, RESULT + 1), 0);
    conf_set(c, 2, 1);
    conf_join(c, second);
    EQ(c, stat_of(c, p).free, 1);
    drop(c, &name, p);
}

static void child_has_none(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 2);
    EQ(c, hepta_permit_take(p, NOW), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_permit_give(p), -EPERM);
        EQ(c, hepta_permit_take(p, NOW), 0);
        EQ(c, hepta_permit_take(p, NOW), -EAGAIN);
        EQ(c, hepta_permit_give(p), 0);
        EQ(c, hepta_permit_close(p), 0);
        conf_exit();
    }
    conf_join(c, pid);
    EQ(c, stat_of(c, p).free, 1);
    EQ(c, hepta_permit_give(p), 0);
    drop(c, &name, p);
}

static void exec_keeps(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 2);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        EQ(c, hepta_permit_take(p, NOW), 0);
        EQ(c, hepta_permit_take(p, NOW), 0);
        conf_exec(c, (const char *[]){name.s, NULL});
    }
    conf_await(c, 0, 1);
    EQ(c, stat_of(c, p).free, 1);
    EQ(c, stat_of(c, p).holders, 1);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    EQ(c, stat_of(c, p).free, 2);
    drop(c, &name, p);
}

static void after_exec_keeps(struct conf *c, int argc, char **argv)
{
    struct sem_name name = {""};
    EQ(c, argc, 1);
    snprintf(name.s, sizeof(name.s), "%s", argv[0]);
    struct hepta_permit *p = open_permit(c, &name);
    EQ(c, hepta_permit_give(p), 0); /* one of two */
    conf_set(c, 0, 1);
    conf_await(c, 1, 1);
    conf_exit();
}

static void *give_one(void *arg)
{
    return (void *)(intptr_t)hepta_permit_give(arg);
}

static void any_thread_gives(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    pthread_t thread;
    void *r;
    EQ(c, hepta_permit_take(p, NOW), 0);
    EQ(c, pthread_create(&thread, NULL, give_one, p), 0);
    EQ(c, pthread_join(thread, &r), 0);
    EQ(c, (intptr_t)r, 0);
    EQ(c, stat_of(c, p).free, 1);
    drop(c, &name, p);
}

/* With the last of a process's handles its places are given back. */
static void last_handle(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 2), *q = open_permit(c, &name), *other;
    EQ(c, hepta_permit_take(p, NOW), 0);
    EQ(c, hepta_permit_take(q, NOW), 0);
    EQ(c, hepta_permit_close(p), 0);
    EQ(c, stat_of(c, q).free, 0);
    EQ(c, hepta_permit_give(q), 0);
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        other = open_permit(c, &name);
        EQ(c, hepta_permit_close(q), 0); /* that was not the parent's */
        EQ(c, stat_of(c, other).free, 1);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        EQ(c, stat_of(c, other).free, 2);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, hepta_permit_close(q), 0);
    conf_set(c, 1, 1);
    conf_join(c, pid);
    EQ(c, hepta_permit_unlink(name.s), 0);
}

static int ready(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms);
}

/* The descriptor shows that one may be free, also when a death has made it so. */
static void polled(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    int fd = hepta_permit_fd(p);
    OK(c, fd >= 0);
    EQ(c, hepta_permit_fd(p), fd);
    EQ(c, ready(fd, LONG_MS), 1);
    pid_t pid = holder(c, p, 1);
    EQ(c, hepta_permit_take(p, NOW), -EAGAIN);
    EQ(c, ready(fd, 0), 0);
    conf_kill(c, pid);
    EQ(c, ready(fd, LONG_MS), 1);
    EQ(c, hepta_permit_take(p, NOW), 0);
    EQ(c, hepta_permit_take(p, NOW), -EAGAIN);
    EQ(c, ready(fd, 0), 0);
    EQ(c, hepta_permit_give(p), 0);
    EQ(c, ready(fd, LONG_MS), 1);
    drop(c, &name, p);
}

/* Who holds how many, who waits, since when. */
static void users(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 3);
    struct hepta_permit_user u[4];
    memset(u, 0, sizeof(u));
    int64_t before = hepta_now_ns();
    pid_t h = holder(c, p, 2);
    EQ(c, hepta_permit_take(p, NOW), 0);
    pid_t w = taker(c, p, 0, EVER);
    EQ(c, hepta_permit_users(p, HEPTA_PERMIT_HOLD, u, 4), 2);
    int mine = u[0].pid == getpid() ? 0 : 1;
    EQ(c, u[mine].pid, getpid());
    EQ(c, u[mine].places, 1);
    EQ(c, u[!mine].pid, h);
    EQ(c, u[!mine].places, 2);
    OK(c, u[0].since_ns >= before - 20000000 && u[0].since_ns <= hepta_now_ns()); /* of ticks */
    EQ(c, hepta_permit_users(p, HEPTA_PERMIT_HOLD, u, 1), 2);
    EQ(c, hepta_permit_users(p, HEPTA_PERMIT_WAIT, u, 4), 1);
    EQ(c, u[0].pid, w);
    EQ(c, u[0].tid, w);
    OK(c, u[0].since_ns >= before && u[0].since_ns <= hepta_now_ns());
    EQ(c, stat_of(c, p).waiters, 1);
    conf_kill(c, w);
    conf_kill(c, h);
    EQ(c, hepta_permit_users(p, HEPTA_PERMIT_HOLD, u, 4), 1);
    drop(c, &name, p);
}

static void interrupted(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    EQ(c, hepta_permit_take(p, NOW), 0);
    for (int i = 0; i < 2; i++) {
        conf_handle(c, SIGUSR1, i ? SA_RESTART : 0);
        pid_t pid = taker(c, p, i, EVER);
        conf_break_off(c, pid, SIGUSR1, COUNTER, i + 1);
        EQ(c, conf_get(c, RESULT + i), -EINTR);
        conf_kill(c, pid);
    }
    EQ(c, stat_of(c, p).waiters, 0);
    drop(c, &name, p);
}

static void refused(struct conf *c)
{
    struct sem_name name = sem_name();
    struct hepta_permit *p = NULL;
    struct hepta_permit_options opt = {.size = sizeof(opt), .holders_max = 2};
    EQ(c, hepta_permit_open(name.s, CREATE, 0600, 0, NULL, &p), -EINVAL);
    EQ(c, hepta_permit_open(name.s, CREATE, 0600, HEPTA_PERMIT_MAX + 1, NULL, &p), -EINVAL);
    EQ(c, hepta_permit_open("x", CREATE, 0600, 1, NULL, &p), -EINVAL);
    EQ(c, hepta_permit_open(name.s, 64, 0600, 1, NULL, &p), -EINVAL);
    opt.holders_max = HEPTA_PERMIT_HOLDERS_MAX + 1;
    EQ(c, hepta_permit_open(name.s, CREATE, 0600, 1, &opt, &p), -EINVAL);
    opt.holders_max = 2;
    EQ(c, hepta_permit_open(name.s, CREATE, 0600, HEPTA_PERMIT_MAX, &opt, &p), 0);
    pid_t a = holder(c, p, 1), b = holder(c, p, 1);
    EQ(c, hepta_permit_take(p, NOW), -ENOSPC);
    conf_kill(c, a);
    EQ(c, hepta_permit_take(p, NOW), 0);
    conf_kill(c, b);
    EQ(c, stat_of(c, p).free, HEPTA_PERMIT_MAX - 1);
    drop(c, &name, p);
    EQ(c, hepta_permit_unlink(name.s), -ENOENT);
}

/* Permits and semaphores may have the same name. */
static void own_names(struct conf *c)
{
    struct sem_name name;
    struct hepta_permit *p = make(c, &name, 1);
    EQ(c, try_sem(c, name.s, 0, 0, 0), -ENOENT);
    EQ(c, try_sem(c, name.s, O_CREAT, 0600, 3), 0);
    EQ(c, hepta_permit_take(p, NOW), 0);
    EQ(c, sops(c)->unlink(name.s), 0);
    drop(c, &name, p);
}

const struct conf_case sem_permit_cases[] = {
    {"permit.taken_and_given", taken_and_given, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.holder_ends", holder_ends, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.seen_at_once", seen_at_once, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.in_order", in_order, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.killed_waiter", killed_waiter, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.child_has_none", child_has_none, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.exec_keeps", exec_keeps, NEEDS_PERMITS, NULL, after_exec_keeps, 0},
    {"permit.any_thread_gives", any_thread_gives, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.last_handle", last_handle, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.polled", polled, NEEDS_PERMITS, NULL, NULL, 20},
    {"permit.users", users, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.interrupted", interrupted, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.refused", refused, NEEDS_PERMITS, NULL, NULL, 0},
    {"permit.own_names", own_names, NEEDS_PERMITS, NULL, NULL, 0},
    {0},
};
