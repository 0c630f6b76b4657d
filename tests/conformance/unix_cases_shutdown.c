/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_shutdown.c - half-close: one direction ends, the other goes on
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>

static int end(struct conf *c, struct usock *s, uint32_t how)
{
    return uops(c)->shutdown(s, how);
}

static void wr_rest_then_end(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 100, EVER), 100);
    EQ(c, end(c, t.a, WR), 0);
    EQ(c, take(c, &t, t.b, 200, EVER), 100);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    part(c, &t);
}

static void wr_own_sends(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, WR), 0);
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    EQ(c, give(c, &t, t.a, 10, NOW), -EPIPE);
    EQ(c, end(c, t.a, WR), 0); /* again does no harm */
    part(c, &t);
}

static void wr_other_way(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, WR), 0);
    for (size_t i = 1; i < 100; i++) {
        EQ(c, give(c, &t, t.b, i, EVER), i);
        EQ(c, take(c, &t, t.a, MAX_GIVE, EVER), i);
    }
    EQ(c, take(c, &t, t.a, 10, NOW), -EAGAIN);
    shut(c, &t.b);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    shut(c, &t.a);
}

/* Ask, say that it was all, get the answer: what half-close is for. */
static void wr_request(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        ssize_t n;

        shut(c, &t.a);
        while ((n = take(c, &t, t.b, 1000, EVER)) > 0)
            continue;
        EQ(c, n, 0);
        EQ(c, give(c, &t, t.b, (size_t)t.n_taken[0] / 2, EVER), t.n_taken[0] / 2);
        conf_exit();
    }
    shut(c, &t.b);
    for (int i = 0; i < 10; i++)
        EQ(c, give(c, &t, t.a, 1000, EVER), 1000);
    EQ(c, end(c, t.a, WR), 0);
    take_all(c, &t, t.a, 5000);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    conf_join(c, child);
    shut(c, &t.a);
}

static void wr_wakes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, EVER);
    EQ(c, end(c, t.b, WR), 0);
    returned(c, child, 0);
    part(c, &t);
}

static void rd_peer_sends(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, RD), 0);
    EQ(c, give(c, &t, t.b, 10, EVER), -EPIPE);
    EQ(c, give(c, &t, t.b, 10, NOW), -EPIPE);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    part(c, &t);
}

static void rd_what_was_there(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, end(c, t.a, RD), 0);
    EQ(c, take(c, &t, t.a, 20, EVER), 10);
    EQ(c, take(c, &t, t.a, 20, EVER), 0);
    EQ(c, take(c, &t, t.a, 20, NOW), 0);
    part(c, &t);
}

static void rd_other_way(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, RD), 0);
    EQ(c, give(c, &t, t.a, 100, EVER), 100);
    EQ(c, take(c, &t, t.b, 100, EVER), 100);
    EQ(c, take(c, &t, t.b, 100, NOW), -EAGAIN);
    part(c, &t);
}

static void rd_wakes_own(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, EVER);
    EQ(c, end(c, t.a, RD), 0); /* for all who share it */
    returned(c, child, 0);
    part(c, &t);
}

static void rd_wakes_sender(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, EVER);
    EQ(c, end(c, t.b, RD), 0);
    returned(c, child, -EPIPE);
    part(c, &t);
}

static void wr_wakes_own_sender(struct conf *c)
{
    struct two t;

    meet(c, &t);
    fill_up(c, &t, t.a, 1000);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, EVER);
    EQ(c, end(c, t.a, WR), 0);
    returned(c, child, -EPIPE);
    part(c, &t);
}

static void both(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, end(c, t.a, RD | WR), 0);
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    EQ(c, give(c, &t, t.b, 10, EVER), -EPIPE);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    EQ(c, take(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    part(c, &t);
}

static void one_after_the_other(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, WR), 0);
    EQ(c, end(c, t.b, WR), 0);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    EQ(c, end(c, t.a, RD), 0);
    EQ(c, end(c, t.b, RD | WR), 0);
    EQ(c, give(c, &t, t.b, 10, EVER), -EPIPE);
    part(c, &t);
}

/* It ends the connection, not one process' copy of it. */
static void for_all(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, end(c, t.a, WR), 0);
        conf_exit();
    }
    conf_join(c, child);
    EQ(c, give(c, &t, t.a, 10, NOW), -EPIPE);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    part(c, &t);
}

/* Before accept, too. */
static void before_accept(struct conf *c)
{
    const char *at = abstract("s");
    struct usock *l = listener(c, at);
    struct two t = {.a = connector(c, at)};

    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, end(c, t.a, WR), 0);
    t.b = accepted(c, l);
    EQ(c, take(c, &t, t.b, 20, EVER), 10);
    EQ(c, take(c, &t, t.b, 20, EVER), 0);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.a, 20, EVER), 10);
    part(c, &t);
    shut(c, &l);
}

static void after_the_end(struct conf *c)
{
    struct two t;

    meet(c, &t);
    shut(c, &t.b);
    EQ(c, end(c, t.a, WR), 0); /* still a connection */
    EQ(c, end(c, t.a, RD | WR), 0);
    EQ(c, give(c, &t, t.a, 10, EVER), -EPIPE);
    EQ(c, take(c, &t, t.a, 10, EVER), 0);
    shut(c, &t.a);
}

static void bad_how(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, end(c, t.a, 0), -EINVAL);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    part(c, &t);
}

const struct conf_case unix_shutdown_cases[] = {
    {"shutdown.wr_rest_then_end", wr_rest_then_end, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.wr_own_sends", wr_own_sends, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.wr_other_way", wr_other_way, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.wr_request", wr_request, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.wr_wakes", wr_wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.wr_wakes_own_sender", wr_wakes_own_sender, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.rd_peer_sends", rd_peer_sends, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.rd_what_was_there", rd_what_was_there, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.rd_other_way", rd_other_way, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.rd_wakes_own", rd_wakes_own, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.rd_wakes_sender", rd_wakes_sender, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.both", both, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.one_after_the_other", one_after_the_other, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.for_all", for_all, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.before_accept", before_accept, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.after_the_end", after_the_end, NEEDS_CONNECTION, NULL, NULL, 0},
    {"shutdown.bad_how", bad_how, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
