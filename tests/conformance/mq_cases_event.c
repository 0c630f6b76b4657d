/* SPDX-License-Identifier: MIT */
/*
 * mq_cases_event.c - the descriptor in poll(2), select(2) and epoll(7), for both directions
 *
 * Hepta's may be ready for a moment without a reason; a verb that doesn't wait makes it exact.
 */
#define _GNU_SOURCE
#include "mq_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

/* Every poller sees a level that stays. */
static void wakes_all(struct conf *c)
{
    struct mqh *q = make_mq(c);
    pid_t child[3];

    for (int i = 0; i < 3; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            mops(c)->fd(q, O_RDONLY);
            conf_set(c, i, 1);
            OK(c, mq_ready(c, q, O_RDONLY, LONG_MS));
            conf_exit();
        }
        conf_asleep_after(c, child[i], i);
    }
    mq_say(c, q, "x", 0);
    for (int i = 0; i < 3; i++)
        conf_join(c, child[i]);
    mq_hear(c, q, "x", 0);
    close_mq(c, q);
}

static void events(struct conf *c)
{
    struct mqh *q = make_mq(c);
    struct pollfd f = {.fd = mops(c)->fd(q, O_WRONLY), .events = POLLIN | POLLOUT};

    EQ(c, poll(&f, 1, LONG_MS), 1);
    EQ(c, f.revents, DIFFERS(c, POLLOUT, POLLIN));
    close_mq(c, q);
}

static void in_select(struct conf *c)
{
    struct mqh *q = make_mq(c);
    int fd = mops(c)->fd(q, O_RDONLY);
    struct timeval tv = {0, 0};
    fd_set set;

    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    EQ(c, select(fd + 1, &set, NULL, NULL, &tv), 0);
    mq_say(c, q, "x", 0);
    FD_SET(fd, &set);
    tv.tv_sec = LONG_MS / 1000;
    EQ(c, select(fd + 1, &set, NULL, NULL, &tv), 1);
    close_mq(c, q);
}

static void in_epoll(struct conf *c)
{
    struct mqh *q = make_mq(c), *other = make_mq(c);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};

    EQ(c, try_hear(c, q, NOW), -EAGAIN);
    ev.data.u32 = 1;
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, mops(c)->fd(q, O_RDONLY), &ev), 0);
    ev.data.u32 = 2;
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, mops(c)->fd(other, O_RDONLY), &ev), 0);
    EQ(c, try_hear(c, other, NOW), -EAGAIN);
    mq_say(c, other, "x", 0);
    EQ(c, epoll_wait(ep, &ev, 1, LONG_MS), 1);
    EQ(c, ev.data.u32, 2);
    mq_hear(c, other, "x", 0);
    EQ(c, try_hear(c, other, NOW), -EAGAIN);
    EQ(c, epoll_wait(ep, &ev, 1, 0), 0);
    close(ep);
    close_mq(c, q);
    close_mq(c, other);
}

static void same_descriptor(struct conf *c)
{
    struct mqh *q = make_mq(c);
    int r = mops(c)->fd(q, O_RDONLY), w = mops(c)->fd(q, O_WRONLY);

    OK(c, r >= 0 && w >= 0);
    EQ(c, mops(c)->fd(q, O_RDONLY), r);
    EQ(c, mops(c)->fd(q, O_WRONLY), w);
    OK(c, fcntl(r, F_GETFD) & FD_CLOEXEC);
    OK(c, fcntl(w, F_GETFD) & FD_CLOEXEC);
    close_mq(c, q);
}

static void errors(struct conf *c)
{
    struct mq_name name;
    struct mqh *q = make_named_mq(c, &name), *r = open_mq(c, &name, O_RDONLY);

    remove_mq(c, &name);
    EQ(c, hepta_mq_fd(mq_hepta(q), 0), -EINVAL);
    EQ(c, hepta_mq_fd(mq_hepta(q), HEPTA_MQ_READ | HEPTA_MQ_WRITE), -EINVAL);
    EQ(c, hepta_mq_fd(mq_hepta(r), HEPTA_MQ_WRITE), -EBADF);
    close_mq(c, q);
    close_mq(c, r);
}

const struct conf_case mq_event_cases[] = {
    {"event.wakes_all", wakes_all, 0, NULL, NULL, 0},
    {"event.events", events, 0, "write-end-events", NULL, 0},
    {"event.select", in_select, 0, NULL, NULL, 0},
    {"event.epoll", in_epoll, 0, NULL, NULL, 0},
    {"event.same_descriptor", same_descriptor, 0, NULL, NULL, 0},
    {"event.errors", errors, NEEDS_LEASES, NULL, NULL, 0},
    {0},
};
