/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_poll_many.c - epoll, and several sleepers on one end
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define N_POLLERS 4

static int watch(struct conf *c, struct pend *end, uint32_t events)
{
    struct epoll_event ev = {.events = events};
    int ep = epoll_create1(EPOLL_CLOEXEC);

    OK(c, ep >= 0);
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, ops(c)->fd(end), &ev), 0);
    return ep;
}

/* What epoll shows within @ms, 0 nothing. */
static int seen(struct conf *c, int ep, int ms)
{
    struct epoll_event ev;
    int n = epoll_wait(ep, &ev, 1, ms);

    OK(c, n >= 0);
    return n > 0 ? (int)ev.events : 0;
}

static void epoll_read_level(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int ep = watch(c, p.r, EPOLLIN);
    EQ(c, seen(c, ep, 0), 0);
    for (int i = 0; i < 20; i++) {
        EQ(c, put(c, &p, 10, EVER), 10);
        EQ(c, seen(c, ep, LONG_MS), EPOLLIN);
        EQ(c, seen(c, ep, LONG_MS), EPOLLIN);
        EQ(c, get(c, &p, 9, NOW), 9);
        EQ(c, seen(c, ep, LONG_MS), EPOLLIN);
        EQ(c, get(c, &p, 9, NOW), 1);
        EQ(c, seen(c, ep, 0), 0);
    }
    close_w(c, &p);
    OK(c, seen(c, ep, LONG_MS) & EPOLLHUP);
    close(ep);
    close_r(c, &p);
}

static void epoll_write_level(struct conf *c)
{
    struct pipe_pair p;
    int ready;

    make(c, &p);
    ready = ops(c)->w_ready; /* POLL* and EPOLL* have the same values */
    int ep = watch(c, p.w, (uint32_t)ready);
    for (int i = 0; i < 20; i++) {
        EQ(c, seen(c, ep, LONG_MS), ready);
        size_t n = fill(c, &p);
        EQ(c, seen(c, ep, 0), 0);
        get_all(c, &p, i % 2 ? ATOMIC : n);
        EQ(c, seen(c, ep, LONG_MS), ready);
    }
    close_r(c, &p);
    OK(c, seen(c, ep, LONG_MS) & ops(c)->w_gone);
    close(ep);
    close_w(c, &p);
}

static void two_epolls(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int a = watch(c, p.r, EPOLLIN), b = watch(c, p.r, EPOLLIN);
    for (int i = 0; i < 20; i++) {
        EQ(c, put(c, &p, 1, EVER), 1);
        EQ(c, seen(c, a, LONG_MS), EPOLLIN);
        EQ(c, seen(c, b, LONG_MS), EPOLLIN);
        EQ(c, get(c, &p, 1, NOW), 1);
        EQ(c, seen(c, a, 0), 0);
        EQ(c, seen(c, b, 0), 0);
    }
    close(a);
    close(b);
    close_both(c, &p);
}

/* N_POLLERS children asleep in epoll_wait; each checks @want; cell 20 lets them end. */
static void start_pollers(struct conf *c, struct pipe_pair *p, pid_t *child, int want)
{
    for (int i = 0; i < N_POLLERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            close_w(c, p);
            int ep = watch(c, p->r, EPOLLIN);
            conf_set(c, i, 1);
            EQ(c, seen(c, ep, LONG_MS) & want, want);
            conf_add(c, 21, 1);
            conf_await(c, 20, 1);
            conf_exit();
        }
    }
    for (int i = 0; i < N_POLLERS; i++)
        conf_asleep_after(c, child[i], i);
}

static void join_pollers(struct conf *c, pid_t *child)
{
    conf_await(c, 21, N_POLLERS);
    conf_set(c, 20, 1);
    for (int i = 0; i < N_POLLERS; i++)
        conf_join(c, child[i]);
}

static void all_epolls_wake(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_POLLERS];

    make(c, &p);
    start_pollers(c, &p, child, EPOLLIN);
    EQ(c, put(c, &p, 1, EVER), 1);
    join_pollers(c, child);
    close_both(c, &p);
}

static void all_epolls_hup(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_POLLERS];

    make(c, &p);
    start_pollers(c, &p, child, EPOLLHUP);
    close_w(c, &p);
    join_pollers(c, child);
    close_r(c, &p);
}

/* One sleeps in read, others in epoll: both kinds must come to the data. */
static void reader_and_pollers(struct conf *c)
{
    struct pipe_pair p;
    pid_t child[N_POLLERS];

    make(c, &p);
    pid_t reader = conf_fork(c);
    if (reader == 0) {
        close_w(c, &p);
        EQ(c, get_after(c, &p, 1, 30), 1);
        conf_exit();
    }
    conf_asleep_after(c, reader, 30);
    start_pollers(c, &p, child, EPOLLIN);
    EQ(c, put(c, &p, 100, EVER), 100);
    conf_join(c, reader);
    join_pollers(c, child);
    p.n_got = 1;
    EQ(c, get(c, &p, 1000, EVER), 99);
    close_both(c, &p);
}

/* After a wake-up that another process was faster on, the level must settle. */
static void faster_reader(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int ep = watch(c, p.r, EPOLLIN);
    for (int i = 0; i < 20; i++) {
        EQ(c, put(c, &p, 1, EVER), 1);
        EQ(c, seen(c, ep, LONG_MS), EPOLLIN);
        pid_t child = conf_fork(c);
        if (child == 0) {
            EQ(c, get(c, &p, 10, NOW), 1);
            conf_exit();
        }
        conf_join(c, child);
        p.n_got++;
        EQ(c, get(c, &p, 10, NOW), -EAGAIN);
        EQ(c, seen(c, ep, 0), 0);
    }
    close(ep);
    close_both(c, &p);
}

static void read_by_epoll(struct conf *c, struct pipe_pair *p)
{
    int ep = watch(c, p->r, EPOLLIN);
    char buf[3];
    ssize_t n = 0;

    do {
        OK(c, seen(c, ep, LONG_MS) != 0);
        while ((n = ops(c)->read(p->r, buf, sizeof(buf), NOW)) > 0)
            conf_add(c, 0, n);
        OK(c, n == 0 || n == -EAGAIN);
    } while (n != 0);
}

/* No byte stays behind a poller that sleeps, whoever wins the races. */
static void no_lost_events(struct conf *c)
{
    enum { N = 3000 };
    struct pipe_pair p;
    pid_t child[N_POLLERS];

    make_as(c, &p, 0, ATOMIC);
    for (int i = 0; i < N_POLLERS; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            close_w(c, &p);
            read_by_epoll(c, &p);
            conf_exit();
        }
    }
    for (int i = 1; i <= N; i++) {
        EQ(c, put(c, &p, 1, EVER), 1);
        if (i % 50 == 0)
            conf_await(c, 0, i); /* all of it must be taken without another write */
    }
    close_both(c, &p);
    for (int i = 0; i < N_POLLERS; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, 0), N);
}

/* Writers that wait for room with epoll, one reader that takes a page now and then. */
static void no_lost_room(struct conf *c)
{
    enum { N = 150 };
    struct pipe_pair p;
    pid_t child[N_POLLERS];
    static char page[ATOMIC];

    make_as(c, &p, 0, 4 * ATOMIC);
    for (int w = 0; w < N_POLLERS; w++) {
        child[w] = conf_fork(c);
        if (child[w] == 0) {
            close_r(c, &p);
            int ep = watch(c, p.w, (uint32_t)ops(c)->w_ready);
            for (int i = 0; i < N;) {
                ssize_t n = ops(c)->write(p.w, page, ATOMIC, NOW);

                OK(c, n == ATOMIC || n == -EAGAIN);
                i += n == ATOMIC;
                OK(c, n == ATOMIC || seen(c, ep, LONG_MS) != 0);
            }
            conf_exit();
        }
    }
    close_w(c, &p);
    for (int i = 0; i < N * N_POLLERS; i++)
        EQ(c, ops(c)->read(p.r, page, ATOMIC, EVER), ATOMIC);
    EQ(c, ops(c)->read(p.r, page, ATOMIC, EVER), 0);
    for (int i = 0; i < N_POLLERS; i++)
        conf_join(c, child[i]);
    close_r(c, &p);
}

const struct conf_case pipe_poll_many_cases[] = {
    {"epoll.read_level", epoll_read_level, NEEDS_NOTHING, NULL, NULL, 0},
    {"epoll.write_level", epoll_write_level, NEEDS_NOTHING, NULL, NULL, 0},
    {"epoll.two_sets", two_epolls, NEEDS_NOTHING, NULL, NULL, 0},
    {"epoll.all_wake", all_epolls_wake, NEEDS_MANY, NULL, NULL, 0},
    {"epoll.all_hup", all_epolls_hup, NEEDS_MANY, NULL, NULL, 0},
    {"epoll.reader_and_pollers", reader_and_pollers, NEEDS_MANY, NULL, NULL, 0},
    {"epoll.faster_reader", faster_reader, NEEDS_MANY, NULL, NULL, 0},
    {"epoll.no_lost_events", no_lost_events, NEEDS_MANY, NULL, NULL, 20},
    {"epoll.no_lost_room", no_lost_room, NEEDS_MANY, NULL, NULL, 20},
    {0},
};
