/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_backlog.c - a full backlog: connect waits, gives up, or is turned away
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>

#define SHORT_MS 30
#define MAX_WAITING 16

struct full {
    const char *at;
    struct usock *l, *s[MAX_WAITING];
    int n;
};

/* A listener with a backlog of @backlog, and as many connections as it takes. */
static void fill_backlog(struct conf *c, struct full *f, uint32_t backlog)
{
    struct hepta_sock_options opt = options(c);
    int err = 0;

    *f = (struct full){.at = abstract("s")};
    opt.backlog = backlog;
    EQ(c, uops(c)->listen(&f->l, f->at, &opt), 0);
    while (f->n < MAX_WAITING && (err = connect_to(c, &f->s[f->n], f->at, NOW)) == 0)
        f->n++;
    EQ(c, err, -EAGAIN);
}

static void drop_all(struct conf *c, struct full *f)
{
    for (int i = 0; i < f->n; i++)
        shut(c, &f->s[i]);
    if (f->l)
        shut(c, &f->l);
}

/* One more than was asked for, as Linux has it. */
static void how_many(struct conf *c)
{
    static const uint32_t backlogs[] = {1, 2, 5, 10};
    struct full f;

    for (int i = 0; i < 4; i++) {
        fill_backlog(c, &f, backlogs[i]);
        EQ(c, f.n, backlogs[i] + 1);
        drop_all(c, &f);
    }
}

static void default_is_128(struct conf *c)
{
    enum { N = 129 };
    const char *at = abstract("s");
    struct usock *l = listener(c, at), *s[N + 1];

    for (int i = 0; i < N; i++)
        EQ(c, connect_to(c, &s[i], at, NOW), 0);
    EQ(c, connect_to(c, &s[N], at, NOW), -EAGAIN);
    for (int i = 0; i < N; i++) {
        shut(c, &s[i]);
        s[i] = accepted(c, l);
        shut(c, &s[i]);
    }
    shut(c, &l);
}

static void accept_makes_room(struct conf *c)
{
    struct full f;
    struct usock *b;

    fill_backlog(c, &f, 2);
    for (int i = 0; i < 3; i++) {
        b = accepted(c, f.l);
        shut(c, &b);
        EQ(c, connect_to(c, &b, f.at, NOW), 0);
        shut(c, &f.s[i]);
        f.s[i] = b;
        EQ(c, connect_to(c, &b, f.at, NOW), -EAGAIN);
    }
    drop_all(c, &f);
}

static void connect_waits(struct conf *c)
{
    struct full f;
    struct usock *b;

    fill_backlog(c, &f, 1);
    pid_t child = waiter(c, &(struct two){0}, W_CONNECT, 0, f.at, 0, EVER);
    sleeps_on(c, child);
    b = accepted(c, f.l);
    returned(c, child, 0);
    shut(c, &b);
    drop_all(c, &f);
}

static void times_out(struct conf *c)
{
    struct full f;
    struct usock *s = (struct usock *)c;

    fill_backlog(c, &f, 1);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, connect_to(c, &s, f.at, deadline), -ETIMEDOUT);
    OK(c, s == NULL && hepta_now_ns() >= deadline);
    EQ(c, connect_to(c, &s, f.at, 1), -ETIMEDOUT);
    drop_all(c, &f);
}

static void in_time(struct conf *c)
{
    struct full f;
    struct usock *b;

    fill_backlog(c, &f, 1);
    pid_t child = waiter(c, &(struct two){0}, W_CONNECT, 0, f.at, 0, hepta_in_ms(600000));
    b = accepted(c, f.l);
    returned(c, child, 0);
    shut(c, &b);
    drop_all(c, &f);
}

/* Those who gave up leave no trace: the listener accepts the ones that are connected. */
static void given_up(struct conf *c)
{
    struct full f;
    struct usock *b, *s;

    fill_backlog(c, &f, 1);
    for (int i = 0; i < 5; i++)
        EQ(c, connect_to(c, &s, f.at, hepta_in_ms(2)), -ETIMEDOUT);
    for (int i = 0; i < f.n; i++) {
        b = accepted(c, f.l);
        say(c, f.s[i], "served");
        hear(c, b, "served");
        shut(c, &b);
    }
    EQ(c, uops(c)->accept(f.l, &b, NOW), -EAGAIN);
    drop_all(c, &f);
}

static void close_refuses(struct conf *c)
{
    struct full f;

    fill_backlog(c, &f, 1);
    pid_t child = conf_fork(c);
    if (child == 0) { /* a process without the listener */
        struct usock *s;

        shut(c, &f.l);
        conf_set(c, 0, 1);
        EQ(c, connect_to(c, &s, f.at, EVER), -ECONNREFUSED);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &f.l);
    conf_join(c, child);
    drop_all(c, &f);
}

static void handler_breaks_off(struct conf *c)
{
    struct full f;
    struct usock *b;

    fill_backlog(c, &f, 1);
    pid_t child = waiter(c, &(struct two){0}, W_CONNECT, 0, f.at, 0, EVER);
    end_by_signal(c, child);
    returned(c, child, -EINTR);
    for (int i = 0; i < f.n; i++) {
        b = accepted(c, f.l);
        shut(c, &b);
    }
    EQ(c, uops(c)->accept(f.l, &b, NOW), -EAGAIN);
    drop_all(c, &f);
}

const struct conf_case unix_backlog_cases[] = {
    {"backlog.how_many", how_many, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.default", default_is_128, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.accept_makes_room", accept_makes_room, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.connect_waits", connect_waits, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.times_out", times_out, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.in_time", in_time, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.given_up", given_up, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.close_refuses", close_refuses, NEEDS_CONNECTION, NULL, NULL, 0},
    {"backlog.handler", handler_breaks_off, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
