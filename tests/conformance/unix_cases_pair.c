/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_pair.c - two connected ends without a name
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <fcntl.h>

static void both_ways(struct conf *c)
{
    struct two t;

    pair(c, &t);
    for (size_t i = 1; i < 200; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        EQ(c, give(c, &t, t.b, 2 * i, EVER), 2 * i);
        EQ(c, take(c, &t, t.a, 1000, EVER), 2 * i);
        EQ(c, take(c, &t, t.b, 1000, EVER), i);
    }
    part(c, &t);
}

static void unnamed(struct conf *c)
{
    struct hepta_sock_stat st;
    struct two t;

    pair(c, &t);
    EQ(c, uops(c)->stat(t.a, &st), 0);
    OK(c, !st.local[0] && !st.peer[0] && !st.listening);
    EQ(c, st.type, uops(c)->type);
    EQ(c, uops(c)->stat(t.b, &st), 0);
    OK(c, !st.local[0] && !st.peer[0]);
    part(c, &t);
}

static void parent_and_child(struct conf *c)
{
    struct two t;

    pair(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.a);
        for (size_t i = 1; i < 500; i++) {
            take_all(c, &t, t.b, i);
            EQ(c, give(c, &t, t.b, i, EVER), i);
        }
        EQ(c, take(c, &t, t.b, 10, EVER), 0);
        conf_exit();
    }
    shut(c, &t.b);
    for (size_t i = 1; i < 500; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        take_all(c, &t, t.a, i);
    }
    shut(c, &t.a);
    conf_join(c, child);
}

static void the_end(struct conf *c)
{
    struct two t;

    pair(c, &t);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, uops(c)->shutdown(t.a, WR), 0);
    EQ(c, take(c, &t, t.b, 20, EVER), 10);
    EQ(c, take(c, &t, t.b, 20, EVER), 0);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    shut(c, &t.b);
    EQ(c, take(c, &t, t.a, 20, EVER), 10);
    EQ(c, take(c, &t, t.a, 20, EVER), 0);
    shut(c, &t.a);
}

static void many(struct conf *c)
{
    enum { N = 50 };
    struct two t[N];

    for (int i = 0; i < N; i++)
        pair(c, &t[i]);
    for (int i = 0; i < N; i++)
        EQ(c, give(c, &t[i], t[i].a, (size_t)i + 1, EVER), i + 1);
    for (int i = N - 1; i >= 0; i--) {
        EQ(c, take(c, &t[i], t[i].b, 1000, NOW), i + 1);
        part(c, &t[i]);
    }
}

static void cloexec(struct conf *c)
{
    struct two t;
    struct pollfd p;

    pair(c, &t);
    EQ(c, uops(c)->pollfd(t.a, POLLIN, &p), 0);
    OK(c, fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
    EQ(c, uops(c)->pollfd(t.b, POLLOUT, &p), 0);
    OK(c, fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
    part(c, &t);
}

/* Datagrams come in pairs only in the kernel. */
static void of_datagrams(struct conf *c)
{
    struct hepta_sock_options opt = options(c);
    struct usock *a, *b;

    EQ(c, uops(c)->pair(&a, &b, &opt), DIFFERS(c, 0, -EINVAL));
    EQ(c, a != NULL && b != NULL, DIFFERS(c, 1, 0));
    if (a) {
        say(c, a, "one");
        say(c, a, "two");
        hear(c, b, "one");
        hear(c, b, "two");
        shut(c, &a);
        shut(c, &b);
    }
}

const struct conf_case unix_pair_cases[] = {
    {"pair.both_ways", both_ways, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.unnamed", unnamed, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.parent_and_child", parent_and_child, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.the_end", the_end, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.many", many, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.cloexec", cloexec, NEEDS_PAIR, NULL, NULL, 0},
    {"pair.datagrams", of_datagrams, NEEDS_DGRAM, "unix-no-dgram-pair", NULL, 0},
    {0},
};
