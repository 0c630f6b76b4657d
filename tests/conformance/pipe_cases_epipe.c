/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_epipe.c - -EPIPE: only when the last reader is gone, however it went
 *
 * The frame ignores SIGPIPE, so that the kernel's write returns; one case lets it act.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_SLEEPERS 4
#define BETWEEN_LOOKS 8 /* writes, as hepta/pipe.h says */

static void after_close(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    EQ(c, put(c, &p, 10, NOW), -EPIPE);
    EQ(c, put(c, &p, 100000, EVER), -EPIPE);
    EQ(c, put(c, &p, 100000, NOW), -EPIPE);
    close_w(c, &p);
}

static void not_eagain(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, NOW), -EPIPE);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    close_w(c, &p);
}

static void wakes_writer(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        EQ(c, put_after(c, &p, 10, 0), -EPIPE);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_r(c, &p);
    conf_join(c, child);
    close_w(c, &p);
}

static void wakes_all_writers(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_SLEEPERS];

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    for (int i = 0; i < N_SLEEPERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            close_r(c, &p);
            EQ(c, put_after(c, &p, 10, i), -EPIPE);
            conf_exit();
        }
    }
    for (int i = 0; i < N_SLEEPERS; i++)
        conf_asleep_after(c, child[i], i);
    close_r(c, &p);
    for (int i = 0; i < N_SLEEPERS; i++)
        conf_join(c, child[i]);
    close_w(c, &p);
}

static void count_first(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        EQ(c, put_after(c, &p, 100000, 0), CAPACITY);
        EQ(c, put(c, &p, 100000, EVER), -EPIPE);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_r(c, &p);
    conf_join(c, child);
    close_w(c, &p);
}

/* A child holds the read end until cell 1 is set, then exits. */
static pid_t holder(struct conf *c, struct pipe_pair *p)
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        close_w(c, p);
        EQ(c, get(c, p, 10, EVER), 3);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        exit(0);
    }
    EQ(c, put(c, p, 3, EVER), 3);
    conf_await(c, 0, 1);
    return child;
}

static void all_copies(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        close_r(c, &p);
        conf_set(c, 2, 1);
        conf_await(c, 3, 1);
        conf_exit();
    }
    conf_await(c, 0, 1);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10); /* the child's copy is open */
    conf_set(c, 1, 1);
    conf_await(c, 2, 1);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    conf_set(c, 3, 1);
    conf_join(c, child);
    close_w(c, &p);
}

static void by_exit(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p);
    close_r(c, &p);
    conf_set(c, 1, 1);
    conf_join(c, child);
    MAY(c, put(c, &p, 1, NOW), -EPIPE, 1);
    EQ(c, UNTIL_NOT(put(c, &p, 1, NOW), 1), -EPIPE);
    close_w(c, &p);
}

static void by_kill(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p);
    close_r(c, &p);
    conf_kill(c, child);
    MAY(c, put(c, &p, 1, EVER), -EPIPE, 1);
    EQ(c, UNTIL_NOT(put(c, &p, 1, EVER), 1), -EPIPE);
    close_w(c, &p);
}

/* After a tick at the latest with what a fast writer may write between two looks. */
static void killed_long_ago(struct conf *c)
{
    struct pipe_pair p;
    int n = 0;

    make(c, &p);
    pid_t child = holder(c, &p);
    close_r(c, &p);
    for (int i = 0; i < 100; i++)
        EQ(c, put(c, &p, 1, EVER), 1);
    conf_kill(c, child);
    conf_pause_ms(TICK_MS);
    ssize_t first = put(c, &p, 1, EVER);
    MAY(c, first, -EPIPE, 1);
    for (ssize_t res = first; res == 1; res = put(c, &p, 1, EVER))
        n++;
    OK(c, n <= BETWEEN_LOOKS);
    EQ(c, put(c, &p, 1, EVER), -EPIPE);
    close_w(c, &p);
}

static void killed_wakes_writer(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    pid_t reader = conf_fork(c);
    if (reader == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        pause();
    }
    close_r(c, &p);
    conf_await(c, 0, 1);
    pid_t writer = conf_fork(c);
    if (writer == 0) {
        EQ(c, put_after(c, &p, 10, 1), -EPIPE);
        conf_exit();
    }
    conf_asleep_after(c, writer, 1);
    conf_kill(c, reader);
    conf_join(c, writer);
    close_w(c, &p);
}

static void killed_in_read(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        get_after(c, &p, 10, 0);
        conf_fail(c, "the read returned");
    }
    close_r(c, &p);
    conf_asleep_after(c, child, 0);
    conf_kill(c, child);
    EQ(c, UNTIL_NOT(put(c, &p, 1, NOW), 1), -EPIPE);
    close_w(c, &p);
}

static void own_read_end(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = holder(c, &p);
    conf_set(c, 1, 1);
    conf_join(c, child);
    p.n_got = 3;
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 100, EVER), 10);
    close_both(c, &p);
}

static void duplicates(struct conf *c)
{
    struct pipe_pair p;
    int fds[N_PASSED_FDS];

    make(c, &p);
    EQ(c, ops(c)->give(p.r, fds), 0);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, ops(c)->take(&p.r, fds), 0);
    EQ(c, get(c, &p, 100, EVER), 10);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    close_w(c, &p);
}

/* The kernel's writer is killed unless it catches, blocks or ignores the signal. */
static void signal_kills(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    close_r(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        EQ(c, put(c, &p, 10, EVER), -EPIPE);
        conf_exit();
    }
    int status = conf_status(c, child);
    EQ(c, WIFSIGNALED(status) ? WTERMSIG(status) : 0, DIFFERS(c, SIGPIPE, 0));
    conf_handle(c, SIGPIPE, 0);
    EQ(c, put(c, &p, 10, EVER), -EPIPE);
    EQ(c, atomic_load(&c->share->n_signals), DIFFERS(c, 1, 0));
    close_w(c, &p);
}

const struct conf_case pipe_epipe_cases[] = {
    {"epipe.after_close", after_close, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.not_eagain", not_eagain, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.wakes_writer", wakes_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.wakes_all_writers", wakes_all_writers, NEEDS_MANY, NULL, NULL, 0},
    {"epipe.count_first", count_first, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.all_copies", all_copies, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.by_exit", by_exit, NEEDS_NOTHING, "one-tick", NULL, 0},
    {"epipe.by_kill", by_kill, NEEDS_NOTHING, "one-tick", NULL, 0},
    {"epipe.killed_long_ago", killed_long_ago, NEEDS_NOTHING, "one-tick", NULL, 0},
    {"epipe.killed_wakes_writer", killed_wakes_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.killed_in_read", killed_in_read, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.own_read_end", own_read_end, NEEDS_NOTHING, NULL, NULL, 0},
    {"epipe.duplicates", duplicates, NEEDS_EXPORT, NULL, NULL, 0},
    {"epipe.signal", signal_kills, NEEDS_NOTHING, "no-sigpipe", NULL, 0},
    {0},
};
