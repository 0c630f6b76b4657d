/* SPDX-License-Identifier: MIT */
/*
 * fifo_cases_poll.c - readiness before the first partner, between two, and with both sides
 */
#define _GNU_SOURCE
#include "fifo_room.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What poll shows on a reader, "ready" included. */
static int reader_bits(struct conf *c, struct pend *r)
{
    return poll_end(c, r, ops(c)->r_ready, 0);
}

/* End-of-file can be read before the first writer has come, but it isn't shown. */
static void no_hup_before_writer(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    EQ(c, reader_bits(c, p.r), 0);
    EQ(c, get(c, &p, 10, NOW), 0);
    EQ(c, reader_bits(c, p.r), 0);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    EQ(c, reader_bits(c, p.r), 0); /* a writer alone is nothing to read */
    EQ(c, put(c, &p, 10, NOW), 10);
    EQ(c, reader_bits(c, p.r), ops(c)->r_ready);
    EQ(c, get(c, &p, 10, NOW), 10);
    EQ(c, reader_bits(c, p.r), 0);
    close_both(c, &p);
    remove_fifo(c, &f);
}

static void hup_between_writers(struct conf *c)
{
    const struct pipe_ops *o = ops(c);
    struct fifo f;

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    for (int i = 0; i < 10; i++) {
        p.w = must_open(c, &f, FOR_WRITE, NOW);
        EQ(c, reader_bits(c, p.r), 0);
        EQ(c, put(c, &p, 10, NOW), 10);
        EQ(c, reader_bits(c, p.r), o->r_ready);
        close_w(c, &p);
        EQ(c, reader_bits(c, p.r), o->r_ready | o->r_gone);
        EQ(c, get(c, &p, 100, NOW), 10);
        OK(c, reader_bits(c, p.r) & o->r_gone);
        EQ(c, get(c, &p, 100, NOW), 0);
        OK(c, reader_bits(c, p.r) & o->r_gone); /* and stays */
    }
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* Who opened after the last writer had gone has seen none yet. */
static void late_reader(struct conf *c)
{
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    close_w(c, &p);
    OK(c, reader_bits(c, p.r) & ops(c)->r_gone);
    struct pend *late = must_open(c, &f, FOR_READ, NOW);
    EQ(c, reader_bits(c, late), 0);
    OK(c, reader_bits(c, p.r) & ops(c)->r_gone);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    OK(c, reader_bits(c, late) & ops(c)->r_gone);
    shut_fifo(c, &late);
    close_r(c, &p);
    remove_fifo(c, &f);
}

/* Who waited in open() for a writer has seen one, even if that is gone. */
static void hup_after_waiting(struct conf *c)
{
    struct fifo f;

    make_fifo(c, &f);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        struct pend *r = must_open(c, &f, FOR_READ, EVER);
        OK(c, poll_end(c, r, ops(c)->r_ready, LONG_MS) & ops(c)->r_gone);
        shut_fifo(c, &r);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, try_open(c, &f, FOR_WRITE, NOW), 0);
    conf_join(c, child);
    remove_fifo(c, &f);
}

/* A poller that has been there since before the first writer. */
static void first_writer_wakes(struct conf *c, bool writes)
{
    struct fifo f;

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        int bits = poll_end(c, p.r, ops(c)->r_ready, LONG_MS);
        OK(c, bits & (writes ? ops(c)->r_ready : ops(c)->r_gone));
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    p.w = must_open(c, &f, FOR_WRITE, NOW);
    conf_asleep(c, child);
    if (writes)
        EQ(c, put(c, &p, 1, NOW), 1);
    else
        close_w(c, &p);
    conf_join(c, child);
    if (writes)
        close_w(c, &p);
    close_r(c, &p);
    remove_fifo(c, &f);
}

static void first_data_wake(struct conf *c)
{
    first_writer_wakes(c, true);
}

static void first_end_wakes(struct conf *c)
{
    first_writer_wakes(c, false);
}

static void writer_between_readers(struct conf *c)
{
    const struct pipe_ops *o = ops(c);
    struct fifo f;
    struct pipe_pair p;

    make_fifo(c, &f);
    open_pair(c, &f, &p);
    for (int i = 0; i < 10; i++) {
        EQ(c, poll_end(c, p.w, o->w_ready, 0), o->w_ready);
        close_r(c, &p);
        OK(c, poll_end(c, p.w, o->w_ready, 0) & o->w_gone);
        EQ(c, put(c, &p, 1, NOW), -EPIPE);
        p.r = must_open(c, &f, FOR_READ, NOW);
        EQ(c, poll_end(c, p.w, o->w_ready, 0), o->w_ready);
        fill(c, &p);
        EQ(c, poll_end(c, p.w, o->w_ready, 0), 0);
        get_all(c, &p, CAPACITY);
    }
    close_both(c, &p);
    remove_fifo(c, &f);
}

static int bits_for(struct conf *c, struct pend *end, unsigned access, short ready)
{
    struct pollfd pfd = {.fd = fops(c)->fd_for(end, access), .events = ready};

    OK(c, pfd.fd >= 0);
    return poll(&pfd, 1, 0) > 0 ? pfd.revents : 0;
}

/* One that is open for both sees each side's level, and nobody go. */
static void both_sides(struct conf *c)
{
    const short r = ops(c)->r_ready, w = ops(c)->w_ready;
    struct fifo f;

    make_fifo(c, &f);
    struct pend *both = must_open(c, &f, FOR_BOTH, NOW);
    struct pipe_pair p = {.r = both, .w = both};
    for (int i = 0; i < 5; i++) {
        EQ(c, bits_for(c, both, FOR_READ, r), 0);
        EQ(c, bits_for(c, both, FOR_WRITE, w), w);
        EQ(c, fill(c, &p), CAPACITY);
        EQ(c, bits_for(c, both, FOR_READ, r), r);
        EQ(c, bits_for(c, both, FOR_WRITE, w), 0);
        get_all(c, &p, CAPACITY);
        EQ(c, try_open(c, &f, i % 2 ? FOR_READ : FOR_WRITE, NOW), 0);
    }
    shut_fifo(c, &both);
    remove_fifo(c, &f);
}

/* One epoll set, one reader's descriptor, and writers that come and go. */
static void epoll_over_writers(struct conf *c)
{
    enum { N = 20 };
    struct epoll_event ev = {.events = EPOLLIN};
    struct fifo f;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    make_fifo(c, &f);
    struct pipe_pair p = {.r = must_open(c, &f, FOR_READ, NOW)};
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, ops(c)->fd(p.r), &ev), 0);
    EQ(c, epoll_wait(ep, &ev, 1, 0), 0);
    for (int i = 1; i <= N; i++) {
        pid_t child = conf_fork(c);

        if (child == 0) {
            p.w = must_open(c, &f, FOR_WRITE, EVER);
            EQ(c, put(c, &p, 100, EVER), 100);
            conf_await(c, 0, i);
            conf_exit(); /* without close() */
        }
        p.n_got = 0;
        while (p.n_got < 100) {
            EQ(c, epoll_wait(ep, &ev, 1, LONG_MS), 1);
            ssize_t n = get(c, &p, 30, NOW);
            OK(c, n > 0 || n == -EAGAIN || (n == 0 && i > 1 && p.n_got == 0));
        }
        EQ(c, epoll_wait(ep, &ev, 1, 0), 0);
        conf_set(c, 0, i);
        do
            EQ(c, epoll_wait(ep, &ev, 1, LONG_MS), 1);
        while (!(ev.events & EPOLLHUP));
        conf_join(c, child);
        EQ(c, get(c, &p, 1, EVER), 0);
    }
    close(ep);
    close_r(c, &p);
    remove_fifo(c, &f);
}

const struct conf_case fifo_poll_cases[] = {
    {"poll.no_hup_before_writer", no_hup_before_writer, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.hup_between_writers", hup_between_writers, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.late_reader", late_reader, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.hup_after_waiting", hup_after_waiting, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.first_data_wake", first_data_wake, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.first_end_wakes", first_end_wakes, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.writer_between_readers", writer_between_readers, NEEDS_NOTHING, NULL, NULL, 0},
    {"poll.both_sides", both_sides, NEEDS_NOTHING, NULL, NULL, 0},
    {"epoll.over_writers", epoll_over_writers, NEEDS_NOTHING, NULL, NULL, 0},
    {0},
};
