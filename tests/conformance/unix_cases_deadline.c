/* SPDX-License-Identifier: MIT */
/*
 * unix_cases_deadline.c - deadlines: the kernel's poll(2) before a call that doesn't wait
 *
 * Only lower bounds of time are looked at. Those of accept and connect are in the groups of
 * these.
 */
#define _GNU_SOURCE
#include "unix_room.h"

#include <errno.h>

#define SHORT_MS 30

static void recv_times_out(struct conf *c)
{
    struct hepta_sock_msg m = {0};
    struct two t;
    char buf[10];

    meet(c, &t);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, take(c, &t, t.b, 10, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    deadline = hepta_in_ms(SHORT_MS);
    EQ(c, recv_into(c, t.b, &m, buf, 10, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, give(c, &t, t.a, 10, EVER), 10);
    EQ(c, take(c, &t, t.b, 10, NOW), 10);
    part(c, &t);
}

static void send_times_out(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 1000);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, give(c, &t, t.a, 1000, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    take_all(c, &t, t.b, n);
    EQ(c, take(c, &t, t.b, 10, NOW), -EAGAIN); /* nothing of it was sent */
    part(c, &t);
}

static void past(struct conf *c)
{
    static const int64_t deadlines[] = {1, -1, INT64_MIN};
    struct two t;

    meet(c, &t);
    for (int i = 0; i < 3; i++)
        EQ(c, take(c, &t, t.b, 10, deadlines[i]), -ETIMEDOUT);
    EQ(c, give(c, &t, t.a, 10, 1), 10); /* what need not wait doesn't look at it */
    EQ(c, take(c, &t, t.b, 10, 1), 10);
    fill_up(c, &t, t.a, 1000);
    EQ(c, give(c, &t, t.a, 1000, 1), -ETIMEDOUT);
    part(c, &t);
}

static void data_in_time(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = waiter(c, &t, W_RECV, 10, NULL, 0, hepta_in_ms(600000));
    OK(c, give(c, &t, t.b, 4, EVER) == 4);
    returned(c, child, 4);
    part(c, &t);
}

static void room_in_time(struct conf *c)
{
    struct two t;

    meet(c, &t);
    size_t n = fill_up(c, &t, t.a, 1000);
    pid_t child = waiter(c, &t, W_SEND, 1000, NULL, 0, hepta_in_ms(600000));
    take_all(c, &t, t.b, n);
    returned(c, child, 1000);
    part(c, &t);
}

static void end_in_time(struct conf *c)
{
    struct two t;

    meet(c, &t);
    pid_t child = conf_fork(c);
    if (child == 0) {
        shut(c, &t.a);
        conf_set(c, 0, 1);
        EQ(c, take(c, &t, t.b, 10, hepta_in_ms(600000)), 0);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    shut(c, &t.a);
    conf_join(c, child);
    shut(c, &t.b);
}

/* Several wait with different deadlines: each gives up in its own time. */
static void each_its_own(struct conf *c)
{
    enum { N = 4 };
    struct two t;
    pid_t child[N];

    meet(c, &t);
    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            int64_t deadline = hepta_in_ms(20 * (i + 1));

            EQ(c, take(c, &t, t.b, 10, deadline), -ETIMEDOUT);
            OK(c, hepta_now_ns() >= deadline);
            conf_exit();
        }
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    part(c, &t);
}

const struct conf_case unix_deadline_cases[] = {
    {"deadline.recv_times_out", recv_times_out, NEEDS_ANY, NULL, NULL, 0},
    {"deadline.send_times_out", send_times_out, NEEDS_ANY, NULL, NULL, 0},
    {"deadline.past", past, NEEDS_ANY, NULL, NULL, 0},
    {"deadline.data_in_time", data_in_time, NEEDS_ANY, NULL, NULL, 0},
    {"deadline.room_in_time", room_in_time, NEEDS_ANY, NULL, NULL, 0},
    {"deadline.end_in_time", end_in_time, NEEDS_CONNECTION, NULL, NULL, 0},
    {"deadline.each_its_own", each_its_own, NEEDS_ANY, NULL, NULL, 0},
    {0},
};
