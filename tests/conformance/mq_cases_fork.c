/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_fork.c - what a forked child has of its parent's open queues, and exec
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each closes its own. */
static void closes_its_own(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child = conf_fork(c);

    if (child == 0) {
        close_mq(c, q);
        conf_exit();
    }
    conf_join(c, child);
    mq_say(c, q, "x", 0);
    child = conf_fork(c);
    if (child == 0) {
        conf_await(c, 0, 1);
        mq_hear(c, q, "x", 0);
        mq_say(c, q, "y", 0);
        close_mq(c, q);
        conf_exit();
    }
    close_mq(c, q);
    conf_set(c, 0, 1);
    conf_join(c, child);
}

/* The parent's registration is not the child's, and outlives it. */
static void registration(struct conf *c)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct mqh *q = make_mq(c);
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    EQ(c, sigprocmask(SIG_BLOCK, &set, NULL), 0);
    EQ(c, mops(c)->notify(q, &ev), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, mops(c)->notify(q, &ev), -EBUSY);
        close_mq(c, q);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, mops(c)->notify(q, &ev), -EBUSY);
    mq_say(c, q, "x", 0);
    EQ(c, sigtimedwait(&set, NULL, &(struct timespec){LONG_MS / 1000, 0}), SIGUSR2);
    close_mq(c, q);
}

/* Others see that it has ended, too, though the process lives; their asking doesn't end it. */
static void exec_seen(struct conf *c)
{
    struct mqh *q = make_mq(c);
    const struct sigevent none = {.sigev_notify = SIGEV_NONE};
    pid_t child = conf_fork(c);

    if (child == 0) {
        EQ(c, mops(c)->notify(q, &none), 0);
        conf_set(c, 2, 1);
        conf_await(c, 3, 1);
        conf_exec(c, (const char *[]){NULL});
    }
    conf_await(c, 2, 1);
    EQ(c, mops(c)->notify(q, &none), -EBUSY);
    EQ(c, mops(c)->notify(q, &none), -EBUSY);
    conf_set(c, 3, 1);
    conf_await(c, 0, 1);
    EQ(c, mops(c)->notify(q, &none), 0);
    conf_set(c, 1, 1);
    conf_join(c, child);
    close_mq(c, q);
}

static void after_exec_seen(struct conf *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    conf_set(c, 0, 1);
    conf_await(c, 1, 1);
}

/* A lease is the process's, which exec leaves what it is: by its number it can be ended. */
static void exec_lease(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    struct hepta_mq_info info;
    char buf[MSG_SIZE], number[32];

    mq_say(c, q, "job", 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, hepta_mq_lease(mq_hepta(q), buf, sizeof(buf), &info, NOW), 3);
        snprintf(number, sizeof(number), "%llu", (unsigned long long)info.lease);
        conf_exec(c, (const char *[]){name.s, number, NULL});
    }
    conf_join(c, child);
    EQ(c, conf_get(c, 0), 1);
    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void after_exec_lease(struct conf *c, int argc, char **argv)
{
    struct mqh *q = NULL;

    EQ(c, argc, 2);
    EQ(c, mops(c)->open(&q, argv[0], O_RDWR, 0, NULL), 0);
    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    EQ(c, hepta_mq_ack(mq_hepta(q), strtoull(argv[1], NULL, 10)), 0);
    conf_set(c, 0, 1);
    close_mq(c, q);
}

/* exec closes it: the registration has ended, the messages stay. */
static void exec(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name);
    pid_t child = conf_fork(c);

    if (child == 0) {
        struct mqh *w = open_mq(c, &name, O_RDWR);

        EQ(c, mops(c)->notify(w, &(struct sigevent){.sigev_notify = SIGEV_NONE}), 0);
        conf_exec(c, (const char *[]){name.s, NULL});
    }
    conf_await(c, 0, 1);
    mq_hear(c, q, "after exec", 5);
    conf_join(c, child);
    remove_mq(c, &name);
    close_mq(c, q);
}

static void after_exec(struct conf *c, int argc, char **argv)
{
    struct mqh *q = NULL;

    EQ(c, argc, 1);
    EQ(c, mops(c)->open(&q, argv[0], O_RDWR, 0, NULL), 0);
    EQ(c, mops(c)->notify(q, &(struct sigevent){.sigev_notify = SIGEV_NONE}), 0);
    mq_say(c, q, "after exec", 5);
    conf_set(c, 0, 1);
    close_mq(c, q);
}

const struct conf_case mq_fork_cases[] = {
    {"fork.closes_its_own", closes_its_own, 0, NULL, NULL, 0},
    {"fork.registration", registration, 0, NULL, NULL, 0},
    {"fork.exec", exec, 0, NULL, after_exec, 0},
    {"fork.exec_seen", exec_seen, 0, NULL, after_exec_seen, 0},
    {"fork.exec_lease", exec_lease, NEEDS_LEASES, NULL, after_exec_lease, 0},
    {0},
};
