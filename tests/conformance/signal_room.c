/* SPDX-License-Identifier: MIT */
/* signal_room.c - signals: back ends, groups, surroundings, and the short forms that cases use */
#define _GNU_SOURCE
#include "signal_room.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "name_dir.h"

static const struct conf_backend backends[] = {
    {"kernel", CONF_KERNEL, NEEDS_SIGNALS | NEEDS_WAIT | NEEDS_SLEEP, &signal_kernel_ops},
    {"signalfd", CONF_KERNEL, NEEDS_SIGNALS | NEEDS_PIDFD | NEEDS_FD, &signal_signalfd_ops},
    {"handler", CONF_KERNEL, NEEDS_SIGNALS | NEEDS_FAULTS, &signal_handler_ops},
    {"hepta", CONF_VIA,
     NEEDS_SIGNALS | NEEDS_WAIT | NEEDS_PIDFD | NEEDS_FD | NEEDS_HEPTA | NEEDS_FAULTS |
         NEEDS_SLEEP,
     &signal_hepta_ops},
    {"mailbox", CONF_HEPTA, NEEDS_FD | NEEDS_MAILBOX | NEEDS_SLEEP, &signal_mailbox_ops},
    {0},
};

static const struct conf_case *const groups[] = {
    signal_queue_cases,  signal_order_cases,      signal_mask_cases,    signal_wait_cases,
    signal_sender_cases, signal_peer_cases,       signal_fd_cases,      signal_fd_process_cases,
    signal_source_cases, signal_fault_cases,      signal_target_cases,  signal_process_cases,
    signal_host_cases,   signal_full_cases,       signal_box_cases,     signal_give_cases,
    NULL,
};

const struct conf_room signal_room = {
    "signal", backends, groups, name_dir_make, name_dir_tidy, name_dir_remove,
};

/* --- places --------------------------------------------------------------------------- */

struct where new_place(void)
{
    static int n_places;
    struct where at = {.pid = 0};
    snprintf(at.name, sizeof(at.name), "/box-%d-%d", (int)getpid(), n_places++);
    return at;
}

void unlink_place(struct conf *c, const struct where *at)
{
    if (has(c, NEEDS_MAILBOX))
        EQ(c, hepta_mailbox_unlink(at->name), 0);
}

/* --- receiving ------------------------------------------------------------------------ */

void make_inbox(struct conf *c, struct inbox *in, uint64_t set)
{
    *in = (struct inbox){.fd = -1};
    EQ(c, ops(c)->open(in, set), 0);
}

void drop_inbox(struct conf *c, struct inbox *in)
{
    let_go(c, in);
    while (ops(c)->wait(in, NULL, NOW) > 0)
        continue;
    EQ(c, ops(c)->close(in), 0);
    unlink_place(c, &in->at);
}

void hold(struct conf *c, struct inbox *in)
{
    EQ(c, ops(c)->mask(in, HEPTA_SIGNAL_SETMASK, in->set, NULL), 0);
}

void let_go(struct conf *c, struct inbox *in)
{
    EQ(c, ops(c)->mask(in, HEPTA_SIGNAL_UNBLOCK, in->set, NULL), 0);
}

uint64_t pending(struct conf *c, struct inbox *in)
{
    uint64_t set = ~0ull;
    EQ(c, ops(c)->pending(in, &set), 0);
    return set;
}

struct hepta_signal_info take_one(struct conf *c, struct inbox *in, int signo)
{
    struct hepta_signal_info info = {.signo = 0};
    EQ(c, ops(c)->wait(in, &info, NOW), signo);
    EQ(c, info.signo, signo);
    return info;
}

void take_value(struct conf *c, struct inbox *in, int signo, uint64_t value)
{
    struct hepta_signal_info info = take_one(c, in, signo);
    EQ(c, (long long)info.value, (long long)value);
}

void is_empty(struct conf *c, struct inbox *in)
{
    EQ(c, ops(c)->wait(in, NULL, NOW), -EAGAIN);
}

struct hepta_signal_info await_signal(struct conf *c, struct inbox *in)
{
    struct hepta_signal_info info = {.signo = 0};
    int r;
    while ((r = ops(c)->wait(in, &info, in_some_ms(LONG_MS))) == -EINTR)
        continue;
    OK(c, r > 0);
    EQ(c, info.signo, r);
    return info;
}

int inbox_fd(struct conf *c, struct inbox *in)
{
    int fd = ops(c)->fd(in);
    OK(c, fd >= 0);
    return fd;
}

int readable(struct conf *c, int fd)
{
    struct pollfd pfd = {fd, POLLIN | POLLOUT, 0};
    struct epoll_event ev = {.events = EPOLLIN}, got = {.events = 0};
    struct timeval none = {0, 0};
    fd_set set;
    int n = poll(&pfd, 1, 0);
    OK(c, n == 0 || pfd.revents == POLLIN);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    EQ(c, select(fd + 1, &set, NULL, NULL, &none), n);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    EQ(c, epoll_wait(ep, &got, 1, 0), n);
    OK(c, n == 0 || got.events == EPOLLIN);
    close(ep);
    return n;
}

uint64_t blocked_here(void)
{
    sigset_t s;
    uint64_t set = 0;
    pthread_sigmask(SIG_BLOCK, NULL, &s);
    for (int n = 1; n <= HEPTA_SIGNAL_MAX; n++)
        if (sigismember(&s, n) == 1)
            set |= BIT(n);
    return set;
}

/* --- sending -------------------------------------------------------------------------- */

void find_peer(struct conf *c, struct peer *p, const struct where *at)
{
    *p = (struct peer){.pidfd = -1};
    EQ(c, ops(c)->peer(p, at, false), 0);
}

void find_self(struct conf *c, struct peer *p, const struct inbox *in)
{
    find_peer(c, p, &in->at);
}

void leave_peer(struct conf *c, struct peer *p)
{
    EQ(c, ops(c)->leave(p), 0);
}

void tell(struct conf *c, struct peer *p, int signo)
{
    EQ(c, ops(c)->send(p, signo, 0, 0), 0);
}

void queue(struct conf *c, struct peer *p, int signo, uint64_t value)
{
    EQ(c, ops(c)->send(p, signo, WITH_VALUE, value), 0);
}

pid_t tell_from_child(struct conf *c, const struct where *at, const int *signo, int n)
{
    pid_t pid = conf_fork(c);
    if (pid == 0) {
        struct peer p;
        find_peer(c, &p, at);
        for (int i = 0; i < n; i++)
            tell(c, &p, signo[i]);
        conf_exit();
    }
    conf_join(c, pid);
    return pid;
}

/* --- a child that receives ------------------------------------------------------------ */

static void receive(struct conf *c, struct receiver *r, int n, int64_t deadline)
{
    struct hepta_signal_info info;
    EQ(c, ops(c)->open(&r->in, USUAL), 0);
    conf_set(c, BEFORE, 1);
    for (int i = 0; i < n; i++) {
        info.value = 0;
        int got = ops(c)->wait(&r->in, &info, deadline);
        conf_set(c, VALUE + i % 16, (long)info.value);
        conf_set(c, GOT + i % 16, got);
        conf_add(c, COUNTER, 1);
    }
    EQ(c, ops(c)->close(&r->in), 0);
}

void start_receiver(struct conf *c, struct receiver *r, int n, int64_t deadline)
{
    *r = (struct receiver){.in = {.at = new_place(), .fd = -1}};
    r->pid = conf_fork(c);
    if (r->pid == 0) {
        receive(c, r, n, deadline);
        conf_exit();
    }
    r->in.at.pid = r->in.at.tid = r->pid;
    conf_asleep_after(c, r->pid, BEFORE);
    conf_set(c, BEFORE, 0);
}

void end_receiver(struct conf *c, struct receiver *r)
{
    conf_join(c, r->pid);
    unlink_place(c, &r->in.at);
}
