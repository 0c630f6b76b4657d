/* SPDX-License-Identifier: MIT */
/*
 * signal_cases_fd.c - the descriptor: readable while one could be taken
 *
 * Taking is the back end's wait with NOW: read(2) of a signalfd. A mailbox's level is exact after
 * one that found nothing, so looks at silence come after that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "signal_room.h"

static void level(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int fd = inbox_fd(c, &in);
    EQ(c, inbox_fd(c, &in), fd); /* always the same */
    EQ(c, readable(c, fd), 0);
    queue(c, &p, RT(0), 1);
    queue(c, &p, RT(0), 2);
    tell(c, &p, SIGUSR1);
    EQ(c, readable(c, fd), 1);
    EQ(c, readable(c, fd), 1);
    take_one(c, &in, SIGUSR1);
    EQ(c, readable(c, fd), 1);
    take_value(c, &in, RT(0), 1);
    EQ(c, readable(c, fd), 1);
    take_value(c, &in, RT(0), 2);
    is_empty(c, &in);
    EQ(c, readable(c, fd), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* It is there before the descriptor is asked for. */
static void pending_before(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    tell(c, &p, SIGHUP);
    int fd = inbox_fd(c, &in);
    EQ(c, readable(c, fd), 1);
    take_one(c, &in, SIGHUP);
    is_empty(c, &in);
    EQ(c, readable(c, fd), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* Another set for the same descriptor. */
static void follows_the_mask(struct conf *c)
{
    struct inbox in;
    struct peer p;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    int fd = inbox_fd(c, &in);
    hold(c, &in);
    tell(c, &p, SIGHUP);
    queue(c, &p, RT(4), 1);
    EQ(c, readable(c, fd), 0);
    let_go(c, &in);
    EQ(c, inbox_fd(c, &in), fd);
    EQ(c, readable(c, fd), 1);
    hold(c, &in);
    is_empty(c, &in);
    EQ(c, readable(c, fd), 0);
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_UNBLOCK, BIT(RT(4)), NULL), 0);
    EQ(c, readable(c, fd), 1);
    take_value(c, &in, RT(4), 1);
    is_empty(c, &in);
    EQ(c, readable(c, fd), 0);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* A child asleep in poll or epoll_wait. */
static void wakes(struct conf *c)
{
    struct receiver r = {.in = {.at = new_place(), .fd = -1}};
    struct peer p;
    r.pid = conf_fork(c);
    if (r.pid == 0) {
        struct epoll_event ev = {.events = EPOLLIN}, got;
        EQ(c, ops(c)->open(&r.in, USUAL), 0);
        struct pollfd pfd = {inbox_fd(c, &r.in), POLLIN, 0};
        int ep = epoll_create1(EPOLL_CLOEXEC);
        EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, pfd.fd, &ev), 0);
        for (int i = 0; i < 6; i++) {
            is_empty(c, &r.in);
            conf_set(c, BEFORE, i + 1);
            EQ(c, i % 2 ? epoll_wait(ep, &got, 1, LONG_MS) : poll(&pfd, 1, LONG_MS), 1);
            for (int n = 0; n < 2; n++) /* a bell may ring before it is there */
                EQ(c, await_signal(c, &r.in).signo, RT(5));
        }
        conf_exit();
    }
    r.in.at.pid = r.pid;
    conf_await(c, BEFORE, 1);
    find_peer(c, &p, &r.in.at);
    for (int i = 0; i < 6; i++) {
        conf_await(c, BEFORE, i + 1);
        conf_asleep(c, r.pid);
        queue(c, &p, RT(5), 1);
        queue(c, &p, RT(5), 2);
    }
    leave_peer(c, &p);
    end_receiver(c, &r);
}

/* What isn't in its set. */
static void others_silent(struct conf *c)
{
    struct inbox a, b;
    struct peer pa, pb;
    make_inbox(c, &a, BIT(SIGHUP) | BIT(RT(0)));
    make_inbox(c, &b, BIT(SIGTERM) | BIT(RT(1)));
    find_self(c, &pa, &a);
    find_self(c, &pb, &b);
    int fa = inbox_fd(c, &a), fb = inbox_fd(c, &b);
    tell(c, &pa, SIGHUP);
    EQ(c, readable(c, fa), 1);
    EQ(c, readable(c, fb), 0);
    queue(c, &pb, RT(1), 1);
    EQ(c, readable(c, fb), 1);
    take_one(c, &a, SIGHUP);
    is_empty(c, &a);
    EQ(c, readable(c, fa), 0);
    EQ(c, readable(c, fb), 1);
    take_value(c, &b, RT(1), 1);
    leave_peer(c, &pa);
    leave_peer(c, &pb);
    drop_inbox(c, &b);
    drop_inbox(c, &a);
}

/* In the sets of two: readable on both, taken once, from either. */
static void of_two(struct conf *c)
{
    struct inbox a, b;
    struct peer p;
    make_inbox(c, &a, BIT(SIGHUP) | BIT(RT(0)));
    make_inbox(c, &b, BIT(SIGTERM) | BIT(RT(0)));
    find_self(c, &p, &a);
    int fa = inbox_fd(c, &a), fb = inbox_fd(c, &b);
    queue(c, &p, RT(0), 1);
    queue(c, &p, RT(0), 2);
    EQ(c, readable(c, fa), 1);
    EQ(c, readable(c, fb), 1);
    take_value(c, &b, RT(0), 1);
    EQ(c, readable(c, fb), 1);
    take_value(c, &a, RT(0), 2);
    EQ(c, readable(c, fa), 0);
    EQ(c, readable(c, fb), 0);
    leave_peer(c, &p);
    drop_inbox(c, &b);
    drop_inbox(c, &a);
}

/* What the thread's mask lets through goes to its handler: by then it isn't there any more. */
static void unblocked(struct conf *c)
{
    struct inbox in;
    struct peer p;
    sigset_t set;
    conf_handle(c, RT(0), 0);
    make_inbox(c, &in, BIT(RT(0)));
    find_self(c, &p, &in);
    int fd = inbox_fd(c, &in);
    queue(c, &p, RT(0), 1);
    EQ(c, readable(c, fd), 1);
    EQ(c, atomic_load(&c->share->n_signals), 0);
    sigemptyset(&set);
    sigaddset(&set, RT(0));
    EQ(c, sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    EQ(c, atomic_load(&c->share->n_signals), 1);
    EQ(c, readable(c, fd), 0);
    is_empty(c, &in);
    queue(c, &p, RT(0), 2);
    EQ(c, atomic_load(&c->share->n_signals), 2);
    EQ(c, readable(c, fd), 0);
    EQ(c, sigprocmask(SIG_BLOCK, &set, NULL), 0);
    queue(c, &p, RT(0), 3);
    EQ(c, readable(c, fd), 1);
    take_value(c, &in, RT(0), 3);
    EQ(c, atomic_load(&c->share->n_signals), 2);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

/* --- the descriptor itself ------------------------------------------------------------ */

static void closed_on_exec(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, USUAL);
    EQ(c, fcntl(inbox_fd(c, &in), F_GETFD), FD_CLOEXEC);
    drop_inbox(c, &in);
}

/* Its set, as /proc/PID/fdinfo has it. */
static uint64_t shown(struct conf *c, int fd)
{
    char path[48], text[256];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(info, text, sizeof(text) - 1);
    OK(c, n > 0);
    text[n] = 0;
    close(info);
    const char *line = strstr(text, "sigmask:");
    OK(c, line != NULL);
    return strtoull(line + 8, NULL, 16);
}

static void shown_in_proc(struct conf *c)
{
    struct inbox in;
    make_inbox(c, &in, BIT(SIGHUP) | BIT(RT(0)));
    int fd = inbox_fd(c, &in);
    EQ(c, (long long)shown(c, fd), (long long)(BIT(SIGHUP) | BIT(RT(0))));
    EQ(c, ops(c)->mask(&in, HEPTA_SIGNAL_BLOCK, BIT(SIGHUP), NULL), 0);
    EQ(c, (long long)shown(c, fd), (long long)BIT(RT(0)));
    drop_inbox(c, &in);
}

static void no_descriptors(struct conf *c)
{
    struct rlimit was, none;
    struct inbox in = {.fd = -1};
    if (!has(c, NEEDS_HEPTA))
        EQ(c, close(dup(0)), 0);
    bool first = has(c, NEEDS_MAILBOX) || has(c, NEEDS_HEPTA);
    if (first)
        make_inbox(c, &in, USUAL);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = 3;
    EQ(c, setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = first ? ops(c)->fd(&in) : ops(c)->open(&in, USUAL);
    EQ(c, setrlimit(RLIMIT_NOFILE, &was), 0);
    EQ(c, r, -EMFILE);
    if (first) { /* and later it is there */
        EQ(c, readable(c, inbox_fd(c, &in)), 0);
        drop_inbox(c, &in);
    }
}

/* --- functions that are called -------------------------------------------------------- */

static struct conf *of_call;
static int n_calls, called[8];

static void call(const struct hepta_signal_info *info, void *arg)
{
    EQ(of_call, info->signo, *(int *)arg);
    if (n_calls < 8)
        called[n_calls] = info->signo;
    n_calls++;
}

/* As many as are pending, in their order; what nothing is to be called for is taken, too. */
static void dispatched(struct conf *c)
{
    static int numbers[] = {SIGHUP, 0, 0};
    struct inbox in;
    struct peer p;
    numbers[1] = RT(0);
    numbers[2] = RT(3);
    of_call = c;
    make_inbox(c, &in, USUAL);
    find_self(c, &p, &in);
    for (int i = 0; i < 3; i++)
        EQ(c, hepta_signal_on(in.sig, numbers[i], call, &numbers[i]), 0);
    EQ(c, hepta_signal_on(in.sig, SIGUSR2, call, NULL), -EINVAL);
    EQ(c, hepta_signal_dispatch(in.sig, NOW), -EAGAIN);
    EQ(c, hepta_signal_dispatch(in.sig, in_some_ms(20)), -ETIMEDOUT);
    queue(c, &p, RT(3), 1);
    queue(c, &p, RT(0), 2);
    queue(c, &p, RT(0), 3);
    tell(c, &p, SIGHUP);
    tell(c, &p, SIGHUP);
    tell(c, &p, SIGTERM);
    EQ(c, n_calls, 0); /* nothing interrupts */
    EQ(c, hepta_signal_dispatch(in.sig, EVER), 5);
    EQ(c, n_calls, 4);
    EQ(c, called[0], SIGHUP);
    EQ(c, called[1], RT(0));
    EQ(c, called[2], RT(0));
    EQ(c, called[3], RT(3));
    EQ(c, hepta_signal_on(in.sig, SIGHUP, NULL, NULL), 0);
    tell(c, &p, SIGHUP);
    EQ(c, hepta_signal_dispatch(in.sig, NOW), 1);
    EQ(c, n_calls, 4);
    leave_peer(c, &p);
    drop_inbox(c, &in);
}

const struct conf_case signal_fd_cases[] = {
    {"fd.level", level, NEEDS_FD, NULL, NULL, 0},
    {"fd.pending_before", pending_before, NEEDS_FD, NULL, NULL, 0},
    {"fd.follows_the_mask", follows_the_mask, NEEDS_FD, NULL, NULL, 0},
    {"fd.wakes", wakes, NEEDS_FD, NULL, NULL, 0},
    {"fd.others_silent", others_silent, NEEDS_FD, NULL, NULL, 0},
    {"fd.of_two", of_two, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.unblocked", unblocked, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.closed_on_exec", closed_on_exec, NEEDS_FD, NULL, NULL, 0},
    {"fd.shown_in_proc", shown_in_proc, NEEDS_FD | NEEDS_SIGNALS, NULL, NULL, 0},
    {"fd.no_descriptors", no_descriptors, NEEDS_FD, NULL, NULL, 0},
    {"dispatch.as_many_as_there_are", dispatched, NEEDS_HEPTA, NULL, NULL, 0},
    {0},
};
