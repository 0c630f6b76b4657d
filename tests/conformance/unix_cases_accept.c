/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_accept.c - listen and accept: connections wait in order, each goes to one
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHORT_MS 30

/* One can send before anybody has accepted. */
static void after_connect(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *b;

    say(c, a, "early");
    b = accepted(c, l);
    hear(c, b, "early");
    say(c, b, "late");
    hear(c, a, "late");
    shut(c, &a);
    shut(c, &b);
    shut(c, &l);
}

static void in_order(struct conf *c)
{
    enum { N = 5 };
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a[N];

    for (int i = 0; i < N; i++) {
        a[i] = connector(c, at);
        say(c, a[i], (char[]){(char)('a' + i), 0});
    }
    for (int i = 0; i < N; i++) {
        struct usock *b = accepted(c, l);

        hear(c, b, (char[]){(char)('a' + i), 0});
        shut(c, &b);
        shut(c, &a[i]);
    }
    shut(c, &l);
}

static void waits(struct conf *c)
{
    const char *at = abstract("s");
    struct two t = {.a = listener(c, at)};
    pid_t child = waiter(c, &t, W_ACCEPT, 0, NULL, 0, EVER);
    struct usock *s;

    sleeps_on(c, child);
    s = connector(c, at);
    returned(c, child, 0);
    shut(c, &s);
    shut(c, &t.a);
}

static void nobody_there(struct conf *c)
{
    struct usock *l = listener(c, abstract("s")), *s = (struct usock *)c;
    int64_t deadline = hepta_in_ms(SHORT_MS);

    EQ(c, uops(c)->accept(l, &s, NOW), -EAGAIN);
    OK(c, s == NULL);
    EQ(c, uops(c)->accept(l, &s, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, uops(c)->accept(l, &s, 1), -ETIMEDOUT); /* long past */
    shut(c, &l);
}

static void in_time(struct conf *c)
{
    const char *at = abstract("s");
    struct two t = {.a = listener(c, at)};
    struct usock *s = connector(c, at), *b;

    EQ(c, uops(c)->accept(t.a, &b, NOW), 0);
    shut(c, &b);
    shut(c, &s);
    s = connector(c, at);
    EQ(c, uops(c)->accept(t.a, &b, 1), 0); /* what need not wait doesn't look at it */
    shut(c, &b);
    shut(c, &s);
    pid_t child = waiter(c, &t, W_ACCEPT, 0, NULL, 0, hepta_in_ms(600000));
    s = connector(c, at);
    returned(c, child, 0);
    shut(c, &s);
    shut(c, &t.a);
}

/* Several processes accept from one listener: each connection goes to one of them. */
static void prefork(struct conf *c)
{
    enum { N = 4, EACH = 25 };
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    pid_t child[N];
    char buf[8];

    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            for (int k = 0; k < EACH; k++) {
                struct usock *b = accepted(c, l);

                EQ(c, uops(c)->recv(b, buf, sizeof(buf), EVER), 2);
                conf_add(c, 0, 1);
                EQ(c, uops(c)->send(b, buf, 2, EVER), 2);
                shut(c, &b);
            }
            conf_exit();
        }
    }
    for (int k = 0; k < N * EACH; k++) {
        struct usock *a = connector(c, at);
        char text[3] = {(char)(1 + k % 100), 'x', 0};

        say(c, a, text);
        hear(c, a, text);
        shut(c, &a);
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    EQ(c, conf_get(c, 0), N * EACH);
    shut(c, &l);
}

static void gone_before(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *b;
    char buf[8];

    say(c, a, "bye");
    shut(c, &a);
    b = accepted(c, l);
    hear(c, b, "bye");
    EQ(c, uops(c)->recv(b, buf, sizeof(buf), EVER), 0);
    shut(c, &b);
    shut(c, &l);
}

static void killed_before(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *b;
    pid_t child = conf_fork(c);
    char buf[8];

    if (child == 0) {
        say(c, connector(c, at), "bye");
        conf_set(c, 0, 1);
        pause();
    }
    conf_await(c, 0, 1);
    conf_kill(c, child);
    b = accepted(c, l);
    hear(c, b, "bye");
    EQ(c, uops(c)->recv(b, buf, sizeof(buf), EVER), 0);
    shut(c, &b);
    shut(c, &l);
}

/* A connection is its own: others, and the listener, may go. */
static void outlives_listener(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a = connector(c, at), *x = connector(c, at), *b, *y;

    b = accepted(c, l);
    y = accepted(c, l);
    shut(c, &l);
    shut(c, &x);
    shut(c, &y);
    say(c, a, "one");
    say(c, b, "two");
    hear(c, b, "one");
    hear(c, a, "two");
    shut(c, &a);
    shut(c, &b);
}

static void apart(struct conf *c)
{
    enum { N = 20 };
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *a[N], *b[N];
    char text[8];

    for (int i = 0; i < N; i++) {
        a[i] = connector(c, at);
        b[i] = accepted(c, l);
    }
    for (int i = N - 1; i >= 0; i--) {
        snprintf(text, sizeof(text), "%d", i);
        say(c, a[i], text);
    }
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof(text), "%d", i);
        hear(c, b[i], text);
        shut(c, &b[i]);
        shut(c, &a[i]);
    }
    shut(c, &l);
}

static void only_listeners(struct conf *c)
{
    struct two t;
    struct usock *s;

    meet(c, &t);
    EQ(c, uops(c)->accept(t.a, &s, NOW), -EINVAL);
    EQ(c, uops(c)->accept(t.b, &s, EVER), -EINVAL);
    OK(c, s == NULL);
    part(c, &t);
}

static void not_datagrams(struct conf *c)
{
    struct usock *l = listener(c, abstract("s")), *s;

    EQ(c, uops(c)->accept(l, &s, NOW), -EOPNOTSUPP);
    EQ(c, uops(c)->accept(l, &s, EVER), -EOPNOTSUPP);
    shut(c, &l);
}

/* A listener carries no data. */
static void no_data(struct conf *c)
{
    struct usock *l = listener(c, abstract("s"));
    char buf[4];

    EQ(c, uops(c)->send(l, "abc", 3, NOW), -ENOTCONN);
    EQ(c, uops(c)->recv(l, buf, 3, NOW),
       uops(c)->type == HEPTA_SOCK_STREAM ? DIFFERS(c, -EINVAL, -ENOTCONN) : -ENOTCONN);
    (void)DIFFERS(c, -EINVAL, -ENOTCONN);
    shut(c, &l);
}

static void cloexec(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *s[3];
    struct pollfd p;

    s[0] = listener(c, at);
    s[1] = connector(c, at);
    s[2] = accepted(c, s[0]);
    for (int i = 0; i < 3; i++) {
        EQ(c, uops(c)->pollfd(s[i], POLLIN, &p), 0);
        OK(c, fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
        shut(c, &s[i]);
    }
}

const struct conf_case unix_accept_cases[] = {
    {"accept.after_connect", after_connect, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.in_order", in_order, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.waits", waits, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.nobody_there", nobody_there, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.in_time", in_time, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.prefork", prefork, NEEDS_CONNECTION, NULL, NULL, 30},
    {"accept.gone_before", gone_before, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.killed_before", killed_before, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.outlives_listener", outlives_listener, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.apart", apart, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.only_listeners", only_listeners, NEEDS_CONNECTION, NULL, NULL, 0},
    {"accept.not_datagrams", not_datagrams, NEEDS_DGRAM, NULL, NULL, 0},
    {"accept.no_data", no_data, NEEDS_CONNECTION, "unix-listener-recv", NULL, 0},
    {"accept.cloexec", cloexec, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
