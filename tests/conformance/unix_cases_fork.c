/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_fork.c - connections that several processes share
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <unistd.h>

static void both_send(struct conf *c)
{
    enum { N = 200, LEN = 16 };
    struct two t;
    char buf[LEN] = {0};
    int n[2] = {0};

    meet(c, &t);
    pid_t child = conf_fork(c);
    buf[0] = child == 0;
    if (child == 0) {
        for (int i = 0; i < N; i++)
            EQ(c, uops(c)->send(t.a, buf, LEN, EVER), LEN);
        conf_exit();
    }
    pid_t receiver = conf_fork(c);
    if (receiver == 0) {
        for (int i = 0; i < 2 * N; i++) {
            EQ(c, uops(c)->recv(t.b, buf, LEN, EVER), LEN);
            OK(c, buf[0] == 0 || buf[0] == 1);
            n[(int)buf[0]]++;
        }
        OK(c, n[0] == N && n[1] == N);
        conf_exit();
    }
    for (int i = 0; i < N; i++)
        EQ(c, uops(c)->send(t.a, buf, LEN, EVER), LEN);
    conf_join(c, child);
    conf_join(c, receiver);
    part(c, &t);
}

static void both_receive(struct conf *c)
{
    enum { N = 200, LEN = 16 };
    struct two t;
    char buf[LEN] = {1};

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.a);
        while (uops(c)->recv(t.b, buf, LEN, EVER) == LEN && buf[0])
            conf_add(c, 0, 1);
        conf_exit();
    }
    pid_t second = conf_fork(c);
    if (second == 0) {
        shut(c, &t.a);
        while (uops(c)->recv(t.b, buf, LEN, EVER) == LEN && buf[0])
            conf_add(c, 0, 1);
        conf_exit();
    }
    for (int i = 0; i < N + 2; i++) {
        buf[0] = i < N;
        EQ(c, uops(c)->send(t.a, buf, LEN, EVER), LEN);
    }
    conf_join(c, child);
    conf_join(c, second);
    EQ(c, conf_get(c, 0), N);
    part(c, &t);
}

/* A process for each connection, as servers have always done. */
static void server(struct conf *c)
{
    enum { N = 6 };
    const char *at = path("s");
    struct usock *l = listener(c, at);
    pid_t client[N], served[N];

    for (int i = 0; i < N; i++) {
        client[i] = conf_fork(c);
        if (client[i] == 0) {
            struct two t = {.a = connector(c, at)};

            for (size_t k = 1; k < 100; k++) {
                EQ(c, give(c, &t, t.a, k, EVER), k);
                take_all(c, &t, t.a, k);
            }
            conf_exit();
        }
    }
    for (int i = 0; i < N; i++) {
        struct two t = {.b = accepted(c, l)};

        served[i] = conf_fork(c);
        if (served[i] == 0) {
            ssize_t n;

            shut(c, &l);
            while ((n = take(c, &t, t.b, 1000, EVER)) > 0)
                EQ(c, give(c, &t, t.b, (size_t)n, EVER), n);
            EQ(c, n, 0);
            conf_exit();
        }
        shut(c, &t.b);
    }
    for (int i = 0; i < N; i++) {
        conf_join(c, client[i]);
        conf_join(c, served[i]);
    }
    shut(c, &l);
}

/* Whoever made the connection may go. */
static void makers_gone(struct conf *c)
{
    pid_t maker = conf_fork(c);

    if (maker == 0) {
        struct two t;

        meet(c, &t);
        if (fork() == 0) { /* not the maker's to wait for: comes to the case */
            conf_await(c, 0, 1);
            EQ(c, take(c, &t, t.b, 100, EVER), 60);
            conf_set(c, 1, 1);
            conf_exit();
        }
        if (fork() == 0) {
            conf_await(c, 0, 1);
            EQ(c, give(c, &t, t.a, 60, EVER), 60);
            conf_exit();
        }
        conf_exit();
    }
    conf_join(c, maker);
    conf_set(c, 0, 1);
    conf_await(c, 1, 1);
    conf_status(c, -1);
    conf_status(c, -1);
}

static void connected_by_parent(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b;
    pid_t middle = conf_fork(c);

    if (middle == 0) {
        struct usock *a = connector(c, at);

        if (fork() == 0) {
            conf_await(c, 0, 1);
            say(c, a, "from the grandchild");
            conf_exit();
        }
        conf_exit();
    }
    conf_join(c, middle);
    b = accepted(c, l);
    OK(c, !can(c, b, POLLIN));
    conf_set(c, 0, 1);
    hear(c, b, "from the grandchild");
    conf_status(c, -1);
    EQ(c, uops(c)->recv(b, &(char){0}, 1, EVER), 0);
    shut(c, &b);
    shut(c, &l);
}

static void child_polls(struct conf *c)
{
    struct two t;

    meet(c, &t);
    OK(c, !can(c, t.b, POLLIN)); /* the parent has asked, the child asks again */
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        OK(c, poll_for(c, t.b, POLLIN, LONG_MS) & POLLIN);
        EQ(c, UNTIL_NOT(take(c, &t, t.b, 10, NOW), -EAGAIN), 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    conf_join(c, child);
    OK(c, !can(c, t.b, POLLIN));
    part(c, &t);
}

static void childs_close(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        part(c, &t);
        conf_exit();
    }
    conf_join(c, child);
    for (size_t i = 1; i < 50; i++) {
        EQ(c, give(c, &t, t.a, i, EVER), i);
        EQ(c, take(c, &t, t.b, 100, EVER), i);
        EQ(c, give(c, &t, t.b, i, EVER), i);
        EQ(c, take(c, &t, t.a, 100, EVER), i);
    }
    part(c, &t);
}

/* A child that dies with a copy ends nothing, whatever it was doing. */
static void childs_death(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 5; i++) {
        conf_set(c, 0, 0);
        pid_t child = conf_fork(c);
        if (child == 0) {
            conf_set(c, 0, 1);
            uops(c)->recv(t.b, &(char){0}, 1, EVER);
            conf_fail(c, "a recv took what wasn't there");
        }
        conf_asleep_after(c, child, 0);
        conf_kill(c, child);
        EQ(c, give(c, &t, t.a, 10, EVER), 10);
        EQ(c, take(c, &t, t.b, 10, EVER), 10);
    }
    part(c, &t);
}

const struct conf_case unix_fork_cases[] = {
    {"fork.both_send", both_send, NEEDS_ANY, NULL, NULL, 0},
    {"fork.both_receive", both_receive, NEEDS_ANY, NULL, NULL, 0},
    {"fork.server", server, NEEDS_CONNECTION, NULL, NULL, 0},
    {"fork.makers_gone", makers_gone, NEEDS_ANY, NULL, NULL, 0},
    {"fork.connected_by_parent", connected_by_parent, NEEDS_CONNECTION, NULL, NULL, 0},
    {"fork.child_polls", child_polls, NEEDS_ANY, NULL, NULL, 0},
    {"fork.childs_close", childs_close, NEEDS_ANY, NULL, NULL, 0},
    {"fork.childs_death", childs_death, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
