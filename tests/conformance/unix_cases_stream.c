/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_stream.c - streams: bytes in order, without boundaries
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <sys/wait.h>

static void no_boundaries(struct conf *c)
{
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 10; i++)
        EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 35, EVER), 35);
    EQ(c, take(c, &t, t.b, 1000, EVER), 65);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void rest_stays(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 1000, EVER), 1000);
    for (int i = 0; i < 1000; i += 8)
        EQ(c, take(c, &t, t.b, 8, EVER), 8);
    EQ(c, take(c, &t, t.b, 1, NOW), -EAGAIN);
    part(c, &t);
}

/* recv doesn't wait for all that it was asked for. */
static void what_is_there(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 3, EVER), 3);
    EQ(c, take(c, &t, t.b, 1000, EVER), 3);
    pid_t child = waiter(c, &t, W_RECV, 1000, NULL, 0, EVER);
    EQ(c, give(c, &t, t.b, 5, EVER), 5);
    returned(c, child, 5);
    part(c, &t);
}

/* Odd lengths meet every place of a buffer. */
static void wraps(struct conf *c)
{
    struct two t;
    size_t ahead = 0;

    meet(c, &t);
    for (size_t i = 1; i < 4000; i++) {
        size_t len = i * 37 % 5000 + 1;

        EQ(c, give(c, &t, t.a, len, EVER), len);
        ahead += len;
        if (ahead > 30000) {
            take_all(c, &t, t.b, ahead - 777);
            ahead = 777;
        }
    }
    take_all(c, &t, t.b, ahead);
    part(c, &t);
}

static void large(struct conf *c)
{
    enum { ROUNDS = 8 };
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        for (int i = 0; i < ROUNDS; i++)
            EQ(c, give(c, &t, t.a, MAX_GIVE, EVER), MAX_GIVE);
        conf_exit();
    }
    shut(c, &t.a);
    take_all(c, &t, t.b, (size_t)ROUNDS * MAX_GIVE);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    conf_join(c, child);
    shut(c, &t.b);
}

static void now_partial(struct conf *c)
{
    struct two t;
    ssize_t n;

    meet(c, &t);
    n = give(c, &t, t.a, MAX_GIVE, NOW);
    OK(c, n > 0 && n < MAX_GIVE);
    EQ(c, give(c, &t, t.a, MAX_GIVE, NOW), -EAGAIN);
    take_all(c, &t, t.b, (size_t)n);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void deadline_partial(struct conf *c)
{
    struct two t;
    ssize_t n;

    meet(c, &t);
    int64_t deadline = hepta_in_ms(30);
    n = give(c, &t, t.a, MAX_GIVE, deadline);
    OK(c, n > 0 && n < MAX_GIVE && hepta_now_ns() >= deadline);
    EQ(c, give(c, &t, t.a, MAX_GIVE, hepta_in_ms(5)), -ETIMEDOUT);
    take_all(c, &t, t.b, (size_t)n);
    part(c, &t);
}

static void waits_for_all(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_SEND, MAX_GIVE, NULL, 0, EVER);
    take_all(c, &t, t.b, 100000);
    sleeps_on(c, child);
    take_all(c, &t, t.b, MAX_GIVE - 100000);
    returned(c, child, MAX_GIVE);
    part(c, &t);
}

/* What a killed sender had got into the stream is a first part of it. */
static void killed_in_send(struct conf *c)
{
    struct two t;
    ssize_t n, total = 0;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        conf_set(c, 0, 1);
        give(c, &t, t.a, MAX_GIVE, EVER);
        conf_fail(c, "the send returned");
    }
    shut(c, &t.a);
    conf_asleep_after(c, child, 0);
    take_all(c, &t, t.b, 20000);
    conf_asleep(c, child);
    conf_kill(c, child);
    while ((n = take(c, &t, t.b, MAX_GIVE, EVER)) > 0)
        total += n;
    EQ(c, n, 0);
    OK(c, total > 0 && total < MAX_GIVE - 20000);
    shut(c, &t.b);
}

static void empty_send(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 0, EVER), 0);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN); /* nothing was sent */
    EQ(c, uops(c)->send(t.a, NULL, 0, NOW), 0);
    EQ(c, give(c, &t, t.a, 5, EVER), 5);
    EQ(c, give(c, &t, t.a, 0, EVER), 0);
    EQ(c, take(c, &t, t.b, 10, EVER), 5);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    part(c, &t);
}

static void empty_recv(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 5, EVER), 5);
    EQ(c, take(c, &t, t.b, 0, EVER), 0); /* takes nothing */
    EQ(c, take(c, &t, t.b, 10, EVER), 5);
    part(c, &t);
}

static void empty_recv_waits(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, take(c, &t, t.b, 0, NOW), MEMORY_DIFFERS(c, -EAGAIN, 0));
    part(c, &t);
}

const struct conf_case unix_stream_cases[] = {
    {"stream.no_boundaries", no_boundaries, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.rest_stays", rest_stays, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.what_is_there", what_is_there, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.wraps", wraps, NEEDS_STREAM, NULL, NULL, 30},
    {"stream.large", large, NEEDS_STREAM, NULL, NULL, 30},
    {"stream.now_partial", now_partial, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.deadline_partial", deadline_partial, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.waits_for_all", waits_for_all, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.killed_in_send", killed_in_send, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.empty_send", empty_send, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.empty_recv", empty_recv, NEEDS_STREAM, NULL, NULL, 0},
    {"stream.empty_recv_waits", empty_recv_waits, NEEDS_STREAM, "unix-empty-recv", NULL, 0},
    {0},
};
