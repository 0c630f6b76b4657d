/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_fork.c - ends over fork: inherited, shared, outliving their maker
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* The example in pipe(2): the child reads byte by byte until end-of-file. */
static void manual_example(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        int n = 0;

        close_w(c, &p);
        while (get(c, &p, 1, EVER) == 1)
            n++;
        EQ(c, n, 1234);
        close_r(c, &p);
        conf_exit();
    }
    close_r(c, &p);
    EQ(c, put(c, &p, 1234, EVER), 1234);
    close_w(c, &p);
    conf_join(c, child);
}

static void child_writes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put(c, &p, 200000, EVER), 200000);
        conf_exit();
    }
    get_all(c, &p, 200000);
    conf_join(c, child);
    close_both(c, &p);
}

static void both_ways(struct conf *c)
{
    struct pipe_pair there, back;

    make(c, &there);
    make(c, &back);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &there);
        close_r(c, &back);
        for (ssize_t n; (n = get(c, &there, 100, EVER)) > 0;)
            EQ(c, put(c, &back, (size_t)n, EVER), n);
        conf_exit();
    }
    close_r(c, &there);
    close_w(c, &back);
    for (int i = 0; i < 100; i++) {
        EQ(c, put(c, &there, 50, EVER), 50);
        get_all(c, &back, 50);
    }
    close_w(c, &there);
    EQ(c, get(c, &back, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &back);
}

/* Parent and child take turns on the same two ends. */
static void shared_ends(struct conf *c)
{
    enum { N = 100 };
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++) {
            conf_await(c, 0, i + 1);
            p.n_got = p.n_put = (uint64_t)i * 20;
            EQ(c, get(c, &p, 100, NOW), 10);
            p.n_put += 10;
            EQ(c, put(c, &p, 10, NOW), 10);
            conf_set(c, 1, i + 1);
        }
        conf_exit();
    }
    for (int i = 0; i < N; i++) {
        EQ(c, put(c, &p, 10, NOW), 10);
        conf_set(c, 0, i + 1);
        conf_await(c, 1, i + 1);
        p.n_got += 10;
        EQ(c, get(c, &p, 100, NOW), 10);
        p.n_put += 10;
    }
    conf_join(c, child);
    close_both(c, &p);
}

/* A grandchild goes on with the pipe when its maker has closed it and the middle is gone. */
static void grandchild(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        pid_t inner = conf_fork(c);

        if (inner == 0) {
            close_r(c, &p);
            for (int i = 0; i < 50; i++)
                EQ(c, put(c, &p, 5000, EVER), 5000);
            conf_exit();
        }
        close_both(c, &p);
        conf_join(c, inner);
        conf_exit();
    }
    close_w(c, &p);
    get_all(c, &p, 50 * 5000);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
}

static void maker_gone(struct conf *c)
{
    struct pipe_pair control;

    make(c, &control);
    pid_t maker = conf_fork(c);
    if (maker == 0) {
        struct pipe_pair p;

        make(c, &p);
        if (fork() == 0) { /* not conf_fork(): it is to outlive its parent */
            while (getppid() == conf_get(c, 0) || conf_get(c, 0) == 0)
                conf_pause_ms(1);
            EQ(c, put(c, &p, 1000, EVER), 1000);
            EQ(c, get(c, &p, 2000, EVER), 1000);
            close_w(c, &p);
            EQ(c, get(c, &p, 2000, EVER), 0);
            EQ(c, put(c, &control, 7, EVER), 7);
            conf_exit();
        }
        conf_set(c, 0, getpid());
        conf_exit();
    }
    conf_join(c, maker);
    close_w(c, &control);
    EQ(c, get(c, &control, 100, EVER), 7);
    EQ(c, get(c, &control, 100, EVER), 0);
    OK(c, wait(NULL) > 0); /* the orphan came to us */
    close_r(c, &control);
}

/* Descriptors of a poll set are inherited like the ends themselves. */
static void child_polls(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, poll_end(c, p.r, ops(c)->r_ready, 0), 0);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        EQ(c, get_ready(c, &p, 10), 5);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 5, EVER), 5);
    conf_join(c, child);
    close_both(c, &p);
}

const struct conf_case pipe_fork_cases[] = {
    {"fork.manual_example", manual_example, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.child_writes", child_writes, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.both_ways", both_ways, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.shared_ends", shared_ends, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.grandchild", grandchild, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.maker_gone", maker_gone, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.child_polls", child_polls, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
