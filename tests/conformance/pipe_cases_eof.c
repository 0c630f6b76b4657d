/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_eof.c - end-of-file: only when the last writer is gone, however it went
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void after_close(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, EVER), 0);
    EQ(c, get(c, &p, 10, EVER), 0); /* and stays so */
    close_r(c, &p);
}

static void not_eagain(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, NOW), 0);
    EQ(c, get(c, &p, 10, NOW), 0);
    close_r(c, &p);
}

static void data_first(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 5000, EVER), 5000);
    close_w(c, &p);
    EQ(c, get(c, &p, 3000, EVER), 3000);
    EQ(c, get(c, &p, 3000, EVER), 2000);
    EQ(c, get(c, &p, 3000, EVER), 0);
    close_r(c, &p);
}

static void wakes_reader(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        EQ(c, get_after(c, &p, 10, 0), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_w(c, &p);
    conf_join(c, child);
    close_r(c, &p);
}

/* A child holds the write end until cell 1 is set, then ends in the way of @end. */
static pid_t holder(struct conf *c, struct pipe_pair *p, void (*end)(struct conf *,
                                                                     struct pipe_pair *))
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        close_r(c, p);
        EQ(c, put(c, p, 3, EVER), 3);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        end(c, p);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, get(c, p, 10, EVER), 3);
    return child;
}

static void end_by_close(struct conf *c, struct pipe_pair *p)
{
    close_w(c, p);
    conf_set(c, 2, 1);
    conf_await(c, 3, 1);
}

static void end_by_exit(struct conf *c, struct pipe_pair *p)
{
    (void)c, (void)p;
    exit(0);
}

static void end_by_kill(struct conf *c, struct pipe_pair *p)
{
    (void)c, (void)p;
    kill(getpid(), SIGKILL);
}

static void all_copies(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_close);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN); /* the child's copy is open */
    conf_set(c, 1, 1);
    conf_await(c, 2, 1);
    EQ(c, get(c, &p, 10, NOW), 0);
    conf_set(c, 3, 1);
    conf_join(c, child);
    close_r(c, &p);
}

static void by_exit(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_exit);
    close_w(c, &p);
    conf_set(c, 1, 1);
    EQ(c, get(c, &p, 10, EVER), 0);
    conf_join(c, child);
    close_r(c, &p);
}

static void by_kill(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_kill);
    close_w(c, &p);
    conf_set(c, 1, 1);
    EQ(c, get(c, &p, 10, EVER), 0);
    OK(c, WIFSIGNALED(conf_status(c, child)));
    close_r(c, &p);
}

/* The writer is dead before anybody looks, and had no chance to say so. */
static void killed_before(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_exit);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    conf_kill(c, child);
    MAY(c, get(c, &p, 10, NOW), 0, -EAGAIN);
    EQ(c, UNTIL_NOT(get(c, &p, 10, NOW), -EAGAIN), 0);
    close_r(c, &p);
}

/* But no longer than a tick, whatever was done before. */
static void killed_long_ago(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_exit);
    close_w(c, &p);
    for (int i = 0; i < 5; i++)
        EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    conf_kill(c, child);
    conf_pause_ms(TICK_MS);
    EQ(c, get(c, &p, 10, NOW), 0);
    close_r(c, &p);
}

static void killed_in_write(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        put_after(c, &p, 100, 0);
        conf_fail(c, "the write returned");
    }
    close_w(c, &p);
    conf_asleep_after(c, child, 0);
    conf_kill(c, child);
    get_all(c, &p, CAPACITY);
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
}

/* A large write is cut off by its writer's death: a contiguous first part is there. */
static void killed_in_large_write(struct conf *c)
{
    struct pipe_pair p;
    ssize_t n, total = 0;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        put_after(c, &p, 500000, 0);
        conf_fail(c, "the write returned");
    }
    close_w(c, &p);
    conf_asleep_after(c, child, 0);
    get_all(c, &p, 100000);
    conf_asleep(c, child);
    conf_kill(c, child);
    while ((n = get(c, &p, MAX_PUT, EVER)) > 0)
        total += n;
    EQ(c, n, 0);
    OK(c, total > CAPACITY - 2 * ATOMIC && total <= CAPACITY);
    close_r(c, &p);
}

static void own_write_end(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p, end_by_exit);
    conf_set(c, 1, 1);
    conf_join(c, child);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, get(c, &p, 10, hepta_in_ms(30)), -ETIMEDOUT);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, EVER), 0);
    close_r(c, &p);
}

static void duplicates(struct conf *c)
{
    struct pipe_pair p;
    int fds[N_PASSED_FDS];
    struct pend *second;

    make(c, &p);
    EQ(c, ops(c)->give(p.w, fds), 0);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN); /* descriptors alone count as an open end */
    EQ(c, ops(c)->take(&second, fds), 0);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    EQ(c, ops(c)->write(second, "abc", 3, EVER), 3);
    ops(c)->close(second);
    char buf[10];
    EQ(c, ops(c)->read(p.r, buf, sizeof(buf), EVER), 3);
    EQ(c, ops(c)->read(p.r, buf, sizeof(buf), EVER), 0);
    close_r(c, &p);
}

const struct conf_case pipe_eof_cases[] = {
    {"eof.after_close", after_close, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.not_eagain", not_eagain, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.data_first", data_first, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.wakes_reader", wakes_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.all_copies", all_copies, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.by_exit", by_exit, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.by_kill", by_kill, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.killed_before", killed_before, NEEDS_NOTHING, "one-tick", NULL, 0},
    {"eof.killed_long_ago", killed_long_ago, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.killed_in_write", killed_in_write, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.killed_in_large_write", killed_in_large_write, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.own_write_end", own_write_end, NEEDS_NOTHING, NULL, NULL, 0},
    {"eof.duplicates", duplicates, NEEDS_EXPORT, NULL, NULL, 0},
    {0},
};
