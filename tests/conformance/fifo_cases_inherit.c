/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_inherit.c - what fork() copies is open, too; what a new program gets is the name;
 * and a process of another PID namespace
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

/* A child's copy of a reader counts as one, for open() as well as for write(). */
static void copy_counts(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    close_both(c, &p);
    OK(c, has_reader(c, &f));
    p.w = must_open(c, &f, FOR_WRITE, EVER);
    EQ(c, put(c, &p, 10, EVER), 10);
    close_w(c, &p);
    conf_kill(c, child);
    OK(c, !has_reader(c, &f));
    remove_fifo(c, &f);
}

static void child_uses_it(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        for (int i = 0; i < 100; i++)
            EQ(c, put(c, &p, 3001, EVER), 3001);
        conf_exit();
    }
    close_w(c, &p);
    get_all(c, &p, 100 * 3001);
    EQ(c, get(c, &p, 1, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* Open for both in parent and child: no end for either while the other lives. */
static void both_in_both(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p = {0};

    make_fifo(c, &f);
    p.r = p.w = must_open(c, &f, FOR_BOTH, EVER);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, EVER), 3);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 3, EVER), 3);
    conf_join(c, child);
    p.n_got = 3;
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    shut_fifo(c, &p.r);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), -ENXIO);
    remove_fifo(c, &f);
}

/* A child opens its own handles, before and after it closes what it inherited. */
static void child_opens_its_own(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        struct pend *w = must_open(c, &f, FOR_WRITE, EVER);

        close_both(c, &p);
        p.w = w;
        EQ(c, put(c, &p, 100, EVER), 100);
        close_w(c, &p);
        p.w = must_open(c, &f, FOR_WRITE, EVER);
        EQ(c, put(c, &p, 100, EVER), 100);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, get(c, &p, 1000, EVER), 200);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    close_both(c, &p);
    remove_fifo(c, &f);
}

/* What is open isn't handed to a new program; by its name it opens the same FIFO again. */
static void exec_opens_again(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    EQ(c, put(c, &p, 70, EVER), 70);
    pid_t child = conf_fork(c);
    if (child == 0)
        conf_exec(c, (const char *[]){f.name, NULL});
    conf_join(c, child);
    p.n_got = 40; /* what the child took */
    EQ(c, get(c, &p, 100, EVER), 30);
    EQ(c, get(c, &p, 100, NOW), -EAGAIN);
    close_w(c, &p);
    EQ(c, get(c, &p, 100, EVER), 0);
    close_r(c, &p);
    remove_fifo(c, &f);
}

static void exec_opens_again_after(struct conf *c, int argc, char **argv)
{
    static const struct pipe_want usual;
    struct pipe_pair p = {0};

    EQ(c, argc, 1);
    EQ(c, fops(c)->open(&p.r, argv[0], FOR_READ, &usual, EVER), 0);
    EQ(c, get(c, &p, 40, EVER), 40);
    close_r(c, &p);
}

/* Process numbers mean another thing there, and Hepta's locks are made of them. */
static void other_pid_namespace(struct conf *c)
{
    static const struct pipe_want usual;
    struct fifo f, inner = {"/made-in-there"};
    struct pend *both;

    make_fifo(c, &f);
    both = must_open(c, &f, FOR_BOTH, EVER);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, unshare(CLONE_NEWPID), 0);
        pid_t first = fork(); /* not conf_fork(): its parent has no number there */
        if (first == 0) {
            EQ(c, ops(c)->write(both, "abc", 3, EVER), DIFFERS(c, 3, -EXDEV));
            EQ(c, try_open(c, &f, FOR_BOTH, NOW), DIFFERS(c, 0, -EXDEV));
            EQ(c, fops(c)->make(inner.name, 0600, &usual), 0);
            EQ(c, try_open(c, &inner, FOR_BOTH, NOW), 0);
            conf_exit();
        }
        conf_join(c, first);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, try_open(c, &inner, FOR_READ, NOW), DIFFERS(c, 0, -EXDEV));
    EQ(c, try_open(c, &f, FOR_READ, NOW), 0);
    shut_fifo(c, &both);
    remove_fifo(c, &inner);
    remove_fifo(c, &f);
}

const struct conf_case fifo_inherit_cases[] = {
    {"fork.copy_counts", copy_counts, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.child_uses_it", child_uses_it, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.both_in_both", both_in_both, NEEDS_NOTHING, NULL, NULL, 0},
    {"fork.child_opens_its_own", child_opens_its_own, NEEDS_NOTHING, NULL, NULL, 0},
    {"exec.opens_again", exec_opens_again, NEEDS_NOTHING, NULL, exec_opens_again_after, 0},
    {"names.pid_namespace", other_pid_namespace, CONF_AS_ROOT, "one-pid-namespace", NULL, 0},
    {0},
};
