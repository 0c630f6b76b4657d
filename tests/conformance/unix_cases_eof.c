/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_eof.c - the end of a connection, as who receives sees it
 *
 * A peer that goes with bytes unread in its buffer leaves ECONNRESET, once; where a stream says
 * it after its own data, seqpacket says it before.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void after_close(struct conf *c)
{
    struct two t;

    for (int i = 0; i < 2; i++) { /* either end */
        meet(c, &t);
        struct usock *rest = i ? t.a : t.b;

        shut(c, i ? &t.b : &t.a);
        EQ(c, take(c, &t, rest, 10, EVER), 0);
        EQ(c, take(c, &t, rest, 10, NOW), 0); /* and stays so */
        EQ(c, take(c, &t, rest, 10, EVER), 0);
        shut(c, &rest);
    }
}

static void not_eagain(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    shut(c, &t.b);
}

static void data_before(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 5000, EVER), 5000);
    EQ(c, give(c, &t, t.a, 300, EVER), 300);
    shut(c, &t.a);
    take_all(c, &t, t.b, 5300);
    EQ(c, take(c, &t, t.b, 3000, EVER), 0);
    shut(c, &t.b);
}

static void end_is_flagged(struct conf *c)
{
    struct hepta_sock_msg m = {0};
    struct two t;
    char buf[10];

    meet(c, &t);
    say(c, t.a, "last");
    shut(c, &t.a);
    EQ(c, recv_into(c, t.b, &m, buf, 10, EVER), 4);
    EQ(c, m.flags, 0);
    EQ(c, recv_into(c, t.b, &m, buf, 10, EVER), 0);
    EQ(c, m.flags, HEPTA_SOCK_MSG_EOF);
    shut(c, &t.b);
}

static void wakes(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.a);
        conf_set(c, 0, 1);
        EQ(c, take(c, &t, t.b, 10, EVER), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &t.a);
    conf_join(c, child);
    shut(c, &t.b);
}

/* A child holds a copy of a until cell 1 is set, then ends in the way of @end. */
static pid_t holder(struct conf *c, struct two *t, void (*end)(struct conf *, struct two *))
{
    pid_t child = conf_fork(c);

    if (child == 0) {
        shut(c, &t->b);
        EQ(c, give(c, t, t->a, 3, EVER), 3);
        conf_set(c, 0, 1);
        conf_await(c, 1, 1);
        end(c, t);
        conf_exit();
    }
    conf_await(c, 0, 1);
    EQ(c, take(c, t, t->b, 10, EVER), 3);
    return child;
}

static void end_by_close(struct conf *c, struct two *t)
{
    shut(c, &t->a);
    conf_set(c, 2, 1);
    conf_await(c, 3, 1);
}

static void end_by_exit(struct conf *c, struct two *t)
{
    (void)c, (void)t;
    exit(0);
}

static void end_by_kill(struct conf *c, struct two *t)
{
    (void)c, (void)t;
    kill(getpid(), SIGKILL);
}

static void all_copies(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_close);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN); /* the child's copy is open */
    conf_set(c, 1, 1);
    conf_await(c, 2, 1);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    conf_set(c, 3, 1);
    conf_join(c, child);
    shut(c, &t.b);
}

static void by_exit(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_exit);
    shut(c, &t.a);
    conf_set(c, 1, 1);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    conf_join(c, child);
    shut(c, &t.b);
}

static void by_kill(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_kill);
    shut(c, &t.a);
    conf_set(c, 1, 1);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    OK(c, WIFSIGNALED(conf_status(c, child)));
    shut(c, &t.b);
}

/* The peer is dead before anybody looks, and had no chance to say so. */
static void killed_before(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_exit);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    conf_kill(c, child);
    MEMORY_MAY(c, take(c, &t, t.b, 10, NOW), 0, -EAGAIN);
    EQ(c, UNTIL_NOT(take(c, &t, t.b, 10, NOW), -EAGAIN), 0);
    shut(c, &t.b);
}

/* But no longer than a tick, whatever was done before. */
static void killed_long_ago(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_exit);
    shut(c, &t.a);
    for (int i = 0; i < 5; i++)
        EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN);
    conf_kill(c, child);
    conf_pause_ms(TICK_MS);
    EQ(c, take(c, &t, t.b, 10, NOW), 0);
    shut(c, &t.b);
}

/* What a killed one had sent is there. */
static void killed_data_first(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.b);
        EQ(c, give(c, &t, t.a, 100, EVER), 100);
        EQ(c, give(c, &t, t.a, 200, EVER), 200);
        kill(getpid(), SIGKILL);
    }
    shut(c, &t.a);
    OK(c, WIFSIGNALED(conf_status(c, child)));
    take_all(c, &t, t.b, 300);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    shut(c, &t.b);
}

/* The peer goes without having read what was sent to it. */
static void reset(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, EVER), -ECONNRESET);
    EQ(c, take(c, &t, t.b, 10, EVER), 0); /* once */
    EQ(c, give(c, &t, t.b, 10, EVER), -EPIPE);
    shut(c, &t.b);
}

static void reset_by_kill(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = holder(c, &t, end_by_kill);
    shut(c, &t.a);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    conf_set(c, 1, 1);
    OK(c, WIFSIGNALED(conf_status(c, child)));
    EQ(c, take(c, &t, t.b, 10, EVER), -ECONNRESET);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    shut(c, &t.b);
}

static void reset_partly_read(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.a, 10, EVER), 10);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, EVER), -ECONNRESET);
    shut(c, &t.b);
}

static void reset_and_data(struct conf *c)
{
    struct two t;
    bool data_first = uops(c)->type == HEPTA_SOCK_STREAM || MEMORY_DIFFERS(c, 0, 1);

    (void)DIFFERS(c, 0, 1);

    meet(c, &t);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    shut(c, &t.a);
    if (data_first)
        EQ(c, take(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 10, EVER), -ECONNRESET);
    if (!data_first)
        EQ(c, take(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    shut(c, &t.b);
}

/* All of it was read: an end like any other. */
static void no_reset(struct conf *c)
{
    struct two t;

    meet(c, &t);
    EQ(c, give(c, &t, t.b, 10, EVER), 10);
    EQ(c, take(c, &t, t.a, 10, EVER), 10);
    shut(c, &t.a);
    EQ(c, take(c, &t, t.b, 10, EVER), 0);
    shut(c, &t.b);
}

const struct conf_case unix_eof_cases[] = {
    {"eof.after_close", after_close, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.not_eagain", not_eagain, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.data_first", data_before, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.flagged", end_is_flagged, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.wakes", wakes, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.all_copies", all_copies, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.by_exit", by_exit, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.by_kill", by_kill, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.killed_before", killed_before, NEEDS_CONNECTION, "unix-one-tick", NULL, 0},
    {"eof.killed_long_ago", killed_long_ago, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.killed_data_first", killed_data_first, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.reset", reset, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.reset_by_kill", reset_by_kill, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.reset_partly_read", reset_partly_read, NEEDS_CONNECTION, NULL, NULL, 0},
    {"eof.reset_and_data", reset_and_data, NEEDS_CONNECTION, "unix-reset-order", NULL, 0},
    {"eof.no_reset", no_reset, NEEDS_CONNECTION, NULL, NULL, 0},
    {0},
};
