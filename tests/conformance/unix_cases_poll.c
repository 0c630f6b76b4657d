/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_poll.c - what pollfd() gives: levels for receiving, sending, accepting; the end
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* take() or give() without waiting when poll() says so. In memory that can be too early
 * (early-ready in DIFFERENCES.md); then again. */
static ssize_t when_ready(struct conf *c, struct two *t, struct usock *s, short want, size_t len)
{
    ssize_t n;

    do {
        OK(c, poll_for(c, s, want, LONG_MS) != 0);
        n = want == POLLIN ? take(c, t, s, len, NOW) : give(c, t, s, len, NOW);
    } while (n == -EAGAIN && uops(c)->memory);
    return n;
}

static void recv_level(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 3; i++) {
        OK(c, !can(c, t.b, POLLIN));
        EQ(c, give(c, &t, t.a, 10, EVER), 10);
        EQ(c, give(c, &t, t.a, 10, EVER), 10);
        OK(c, can(c, t.b, POLLIN) && can(c, t.b, POLLIN) && !can(c, t.a, POLLIN));
        EQ(c, take(c, &t, t.b, 10, EVER), 10);
        OK(c, can(c, t.b, POLLIN));
        EQ(c, take(c, &t, t.b, 10, EVER), 10);
    }
    OK(c, !can(c, t.b, POLLIN));
    part(c, &t);
}

static void recv_level_first_asked(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    OK(c, can(c, t.b, POLLIN)); /* nobody had asked before */
    part(c, &t);
}

/* The kernel says writable while the queue is less than a quarter full. */
static void send_level(struct conf *c)
{
    struct two t;

    meet(c, &t);
    OK(c, can(c, t.a, POLLOUT) && can(c, t.b, POLLOUT));
    size_t n = fill_up(c, &t, t.a, 1000);
    OK(c, !can(c, t.a, POLLOUT));
    OK(c, can(c, t.b, POLLOUT));
    take_all(c, &t, t.b, n);
    OK(c, can(c, t.a, POLLOUT));
    EQ(c, give(c, &t, t.a, 4096, NOW), 4096);
    part(c, &t);
}

/* What says that there is room has it. */
static void send_ready_means_room(struct conf *c)
{
    struct two t;
    size_t n = 0;

    meet(c, &t);
    while (can(c, t.a, POLLOUT)) {
        EQ(c, give(c, &t, t.a, 4096, NOW), 4096);
        n += 4096;
    }
    OK(c, n > 0);
    take_all(c, &t, t.b, n);
    EQ(c, when_ready(c, &t, t.a, POLLOUT, 4096), 4096);
    part(c, &t);
}

static void how_full(struct conf *c)
{
    struct two t;
    int n_ready = 0, n_more = 0;

    meet(c, &t);
    while (can(c, t.a, POLLOUT) && give(c, &t, t.a, 4096, NOW) == 4096)
        n_ready++;
    while (give(c, &t, t.a, 4096, NOW) == 4096)
        n_more++;
    EQ(c, n_more > 0, MEMORY_DIFFERS(c, 1, 0));
    OK(c, n_ready > 0);
    part(c, &t);
}

static void wakes_receiver(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, when_ready(c, &t, t.b, POLLIN, 100), 20);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, give(c, &t, t.a, 20, EVER), 20);
    conf_join(c, child);
    part(c, &t);
}

static void wakes_sender(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 1000);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, when_ready(c, &t, t.a, POLLOUT, 1000), 1000);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    take_all(c, &t, t.b, n);
    conf_join(c, child);
    EQ(c, take(c, &t, t.b, 1000, EVER), 1000);
    part(c, &t);
}

static void end_shows(struct conf *c)
{
    struct two t;

    meet(c, &t);
    OK(c, !poll_for(c, t.b, POLLIN, 0));
    shut(c, &t.a);
    OK(c, poll_for(c, t.b, POLLIN, LONG_MS) & POLLHUP);
    OK(c, poll_for(c, t.b, POLLIN, 0) & POLLHUP); /* for good */
    OK(c, poll_for(c, t.b, POLLOUT, LONG_MS) != 0);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    EQ(c, give(c, &t, t.b, 10, NOW), -EPIPE);
    shut(c, &t.b);
}

static void end_wakes(struct conf *c)
{
    for (int i = 0; i < 2; i++) {
        short want = i ? POLLOUT : POLLIN;
        struct two t;

        meet(c, &t);
        fill_up(c, &t, t.b, 1000);
        conf_set(c, 0, 0);
        pid_t child = conf_fork(c);
        if (child == 0) {
            shut(c, &t.a);
            conf_set(c, 0, 1);
            OK(c, poll_for(c, t.b, want, LONG_MS) & (POLLHUP | POLLERR));
            conf_exit();
        }
        conf_asleep_after(c, child, 0);
        shut(c, &t.a);
        conf_join(c, child);
        shut(c, &t.b);
    }
}

static void killed_wakes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t peer = conf_fork(c);
    if (peer == 0) {
        conf_set(c, 0, 1);
        pause();
    }
    shut(c, &t.a);
    conf_await(c, 0, 1);
    OK(c, !poll_for(c, t.b, POLLIN, 0));
    kill(peer, SIGKILL);
    /* The one who was killed held both ends; this one holds b still. */
    OK(c, poll_for(c, t.b, POLLIN, LONG_MS) & POLLHUP);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    OK(c, conf_status(c, peer) != 0);
    shut(c, &t.b);
}

static void half_close_shows(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, uops(c)->shutdown(t.a, WR), 0);
    OK(c, poll_for(c, t.b, POLLIN, LONG_MS) != 0);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    EQ(c, give(c, &t, t.b, 10, NOW), 10);
    OK(c, can(c, t.a, POLLIN)); /* the other direction is as before */
    EQ(c, take(c, &t, t.a, 10, NOW), 10);
    OK(c, !poll_for(c, t.a, POLLIN, 0));
    part(c, &t);
}

static void listener_level(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a[3], *b;

    OK(c, !can(c, l, POLLIN));
    for (int i = 0; i < 3; i++)
        a[i] = connector(c, at);
    for (int i = 0; i < 3; i++) {
        OK(c, can(c, l, POLLIN) && can(c, l, POLLIN));
        EQ(c, uops(c)->accept(l, &b, NOW), 0);
        shut(c, &b);
        shut(c, &a[i]);
    }
    OK(c, !can(c, l, POLLIN));
    shut(c, &l);
}

static void listener_wakes(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a, *b;
    pid_t child = conf_fork(c);

    if (child == 0) {
        conf_set(c, 0, 1);
        do
            OK(c, poll_for(c, l, POLLIN, LONG_MS) & POLLIN);
        while (uops(c)->accept(l, &b, NOW) == -EAGAIN && uops(c)->memory);
        OK(c, b != NULL);
        hear(c, b, "hello");
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    a = connector(c, at);
    say(c, a, "hello");
    conf_join(c, child);
    shut(c, &a);
    shut(c, &l);
}

static void add(struct conf *c, int ep, struct usock *s, int id)
{
    struct pollfd p;

    EQ(c, uops(c)->pollfd(s, POLLIN, &p), 0);
    struct epoll_event ev = {.events = (uint32_t)p.events, .data.u32 = (uint32_t)id};
    EQ(c, epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &ev), 0);
}

/* A server's loop: a listener and its connections in one epoll set. */
static void epoll_server(struct conf *c)
{
    enum { N = 8, EACH = 50 };
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b[N] = {NULL};
    int ep = epoll_create1(EPOLL_CLOEXEC), n = 0, n_gone = 0;
    pid_t child[N];
    char buf[64];

    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            struct usock *s = connector(c, at);

            for (int k = 0; k < EACH; k++) {
                say(c, s, "question");
                hear(c, s, "question");
            }
            conf_exit();
        }
    }
    add(c, ep, l, N);
    while (n_gone < N) {
        struct epoll_event ev;

        EQ(c, epoll_wait(ep, &ev, 1, LONG_MS), 1);
        unsigned i = ev.data.u32;
        if (i == N) {
            if (uops(c)->accept(l, &b[n], NOW) == 0)
                add(c, ep, b[n], n), n++;
            continue;
        }
        ssize_t len = uops(c)->recv(b[i], buf, sizeof(buf), NOW);
        if (len > 0)
            EQ(c, uops(c)->send(b[i], buf, (size_t)len, EVER), len);
        else if (len == 0)
            shut(c, &b[i]), n_gone++;
        else
            EQ(c, len, -EAGAIN);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    close(ep);
    shut(c, &l);
}

const struct conf_case unix_poll_cases[] = {
    {"poll.recv_level", recv_level, NEEDS_ANY, NULL, NULL, 0},
    {"poll.recv_level_first_asked", recv_level_first_asked, NEEDS_ANY, NULL, NULL, 0},
    {"poll.send_level", send_level, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.send_ready_means_room", send_ready_means_room, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.how_full", how_full, NEEDS_CONNECTION, "unix-pollout-level", NULL, 0},
    {"poll.wakes_receiver", wakes_receiver, NEEDS_ANY, NULL, NULL, 0},
    {"poll.wakes_sender", wakes_sender, NEEDS_ANY, NULL, NULL, 0},
    {"poll.end_shows", end_shows, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.end_wakes", end_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.killed_wakes", killed_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.half_close_shows", half_close_shows, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.listener_level", listener_level, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.listener_wakes", listener_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"poll.epoll_server", epoll_server, NEEDS_CONNECTION, NULL, NULL, 30},
    {0},
};
