/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_poll.c - readiness of both ends, level-triggered, one poller at a time
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_level(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    OK(c, !r_ready(c, &p));
    for (int i = 0; i < 20; i++) {
        EQ(c, put(c, &p, 10, EVER), 10);
        OK(c, r_ready(c, &p) && r_ready(c, &p)); /* looking doesn't take it away */
        EQ(c, get(c, &p, 4, EVER), 4);
        OK(c, r_ready(c, &p));
        EQ(c, get(c, &p, 10, EVER), 6);
        OK(c, !r_ready(c, &p));
    }
    close_both(c, &p);
}

/* The descriptor is asked for only when there is something to see. */
static void read_level_late(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 10, EVER), 10);
    OK(c, r_ready(c, &p));
    EQ(c, get(c, &p, 10, EVER), 10);
    OK(c, !r_ready(c, &p));
    close_both(c, &p);
}

static void write_level(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    OK(c, w_ready(c, &p));
    for (int i = 0; i < 20; i++) {
        size_t n = fill(c, &p);

        OK(c, !w_ready(c, &p));
        EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
        OK(c, w_ready(c, &p) && w_ready(c, &p));
        get_all(c, &p, n - ATOMIC);
        if (i % 2) /* from full as well as from not quite empty */
            get_all(c, &p, used(c, &p));
        OK(c, w_ready(c, &p));
        if (i % 2 == 0)
            EQ(c, put(c, &p, ATOMIC, NOW), ATOMIC);
    }
    close_both(c, &p);
}

static void write_level_late(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    OK(c, !w_ready(c, &p));
    get_all(c, &p, ATOMIC);
    OK(c, w_ready(c, &p));
    close_both(c, &p);
}

static void write_ready_means_room(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    for (int i = 0; i < 200; i++) {
        if (w_ready(c, &p))
            EQ(c, put(c, &p, ATOMIC, NOW), ATOMIC);
        else
            EQ(c, get(c, &p, 3 * ATOMIC, EVER), 3 * ATOMIC);
    }
    close_both(c, &p);
}

static void wakes_reader(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, get_ready(c, &p, 10), 1);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 1, EVER), 1);
    conf_join(c, child);
    close_both(c, &p);
}

static void wakes_writer(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, put_ready(c, &p, ATOMIC), ATOMIC);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
    conf_join(c, child);
    close_both(c, &p);
}

/* Ready means that a call without waiting does something; Hepta's bell may ring just before. */
static void ready_then_read(struct conf *c)
{
    enum { N = 200 };
    struct pipe_pair p;
    bool too_early = false;

    make(c, &p);
    OK(c, !r_ready(c, &p));
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++) {
            EQ(c, put(c, &p, 10, EVER), 10);
            conf_await(c, 0, i + 1);
        }
        conf_exit();
    }
    for (int n = 0; n < N;) {
        OK(c, poll_end(c, p.r, ops(c)->r_ready, LONG_MS) & ops(c)->r_ready);
        ssize_t res = get(c, &p, 100, NOW);
        OK(c, res == 10 || res == -EAGAIN);
        too_early |= res == -EAGAIN;
        if (res == 10)
            conf_set(c, 0, ++n);
    }
    MAY(c, too_early, false, true);
    conf_join(c, child);
    close_both(c, &p);
}

static void reader_gone_bits(struct conf *c)
{
    struct pipe_pair p;
    const struct pipe_ops *o = ops(c);

    make(c, &p);
    EQ(c, poll_end(c, p.r, o->r_ready, 0), 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, poll_end(c, p.r, o->r_ready, 0), o->r_ready);
    close_w(c, &p);
    EQ(c, poll_end(c, p.r, o->r_ready, 0), o->r_ready | o->r_gone); /* data first */
    EQ(c, get(c, &p, 100, EVER), 10);
    EQ(c, poll_end(c, p.r, o->r_ready, 0) & o->r_gone, o->r_gone);
    EQ(c, get(c, &p, 100, NOW), 0);
    close_r(c, &p);
}

static void writer_gone_bits(struct conf *c)
{
    struct pipe_pair p;
    const struct pipe_ops *o = ops(c);

    make(c, &p);
    EQ(c, poll_end(c, p.w, o->w_ready, 0), o->w_ready);
    close_r(c, &p);
    EQ(c, poll_end(c, p.w, o->w_ready, 0) & o->w_gone, o->w_gone);
    EQ(c, put(c, &p, 10, NOW), -EPIPE);
    close_w(c, &p);
}

static void gone_wakes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        OK(c, poll_end(c, p.r, ops(c)->r_ready, LONG_MS) & ops(c)->r_gone);
        EQ(c, get(c, &p, 10, NOW), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    close_w(c, &p);
    conf_join(c, child);
    close_r(c, &p);
}

static void killed_wakes(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_r(c, &p);
        conf_set(c, 0, 1);
        pause();
    }
    close_w(c, &p);
    conf_await(c, 0, 1);
    EQ(c, poll_end(c, p.r, ops(c)->r_ready, 0), 0);
    kill(child, SIGKILL);
    OK(c, poll_end(c, p.r, ops(c)->r_ready, LONG_MS) & ops(c)->r_gone);
    OK(c, WIFSIGNALED(conf_status(c, child)));
    close_r(c, &p);
}

static void select_works(struct conf *c)
{
    struct pipe_pair p;
    struct timeval none = {0};
    fd_set set;

    make(c, &p);
    int fd = ops(c)->fd(p.r);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    EQ(c, select(fd + 1, &set, NULL, NULL, &none), 0);
    EQ(c, put(c, &p, 1, EVER), 1);
    FD_SET(fd, &set);
    EQ(c, select(fd + 1, &set, NULL, NULL, &none), 1);
    EQ(c, get(c, &p, 1, EVER), 1);
    close_w(c, &p);
    FD_SET(fd, &set);
    EQ(c, select(fd + 1, &set, NULL, NULL, &none), 1); /* end-of-file is readable */
    close_r(c, &p);
}

static void same_descriptor(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int r = ops(c)->fd(p.r), w = ops(c)->fd(p.w);
    OK(c, r >= 0 && w >= 0 && r != w);
    EQ(c, ops(c)->fd(p.r), r);
    EQ(c, ops(c)->fd(p.w), w);
    close_both(c, &p);
}

static void write_end_events(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, poll_end(c, p.w, POLLIN | POLLOUT, 0), DIFFERS(c, POLLOUT, POLLIN));
    close_r(c, &p);
    EQ(c, poll_end(c, p.w, 0, 0) & (POLLHUP | POLLERR), DIFFERS(c, POLLERR, POLLHUP));
    close_w(c, &p);
}

/* A page with one byte taken is no free page to the kernel; nor does Hepta call a write end
 * ready on one byte, but it takes that byte. */
static void write_ready_needs_atomic(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    EQ(c, get(c, &p, 1, EVER), 1);
    OK(c, !w_ready(c, &p));
    EQ(c, put(c, &p, 1, NOW), DIFFERS(c, -EAGAIN, 1));
    get_all(c, &p, 2 * ATOMIC);
    OK(c, w_ready(c, &p));
    close_both(c, &p);
}

const struct conf_case pipe_poll_cases[] = {
    {"poll.read_level", read_level, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.read_level_late", read_level_late, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.write_level", write_level, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.write_level_late", write_level_late, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.write_ready_means_room", write_ready_means_room, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.wakes_reader", wakes_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.wakes_writer", wakes_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.ready_then_read", ready_then_read, NEEDS_NOTHING, "early-ready", NULL, 0},
    {"poll.reader_gone_bits", reader_gone_bits, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.writer_gone_bits", writer_gone_bits, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.gone_wakes", gone_wakes, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.killed_wakes", killed_wakes, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.select", select_works, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.same_descriptor", same_descriptor, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.write_end_events", write_end_events, NEEDS_NOTHING, "write-end-events", NULL, 0},
    {"poll.partly_read_page", write_ready_needs_atomic, NEEDS_NOTHING, "bytes-not-pages", NULL, 0},
    {0},
};
