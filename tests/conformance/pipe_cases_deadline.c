/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_deadline.c - deadlines, which only Hepta's calls have
 *
 * Only lower bounds of time are looked at: a call may be late, never early.
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>

#define SHORT_MS 30

static void read_times_out(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, get(c, &p, 10, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, put(c, &p, 10, EVER), 10);
    EQ(c, get(c, &p, 10, NOW), 10);
    close_both(c, &p);
}

static void write_times_out(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, put(c, &p, 10, deadline), -ETIMEDOUT);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, used(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY);
    EQ(c, get(c, &p, 10, NOW), -EAGAIN);
    close_both(c, &p);
}

static void small_write_whole(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    EQ(c, get(c, &p, 100, EVER), 100);
    EQ(c, put(c, &p, 101, hepta_in_ms(SHORT_MS)), -ETIMEDOUT);
    EQ(c, used(c, &p), CAPACITY - 100);
    EQ(c, put(c, &p, 100, hepta_in_ms(SHORT_MS)), 100);
    close_both(c, &p);
}

static void large_write_count(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    int64_t deadline = hepta_in_ms(SHORT_MS);
    EQ(c, put(c, &p, 100000, deadline), CAPACITY);
    OK(c, hepta_now_ns() >= deadline);
    EQ(c, put(c, &p, 100000, hepta_in_ms(SHORT_MS)), -ETIMEDOUT);
    get_all(c, &p, CAPACITY);
    close_both(c, &p);
}

static void past(struct conf *c)
{
    static const int64_t deadlines[] = {1, -1, INT64_MIN};
    struct pipe_pair p;

    make(c, &p);
    for (int i = 0; i < 3; i++)
        EQ(c, get(c, &p, 10, deadlines[i]), -ETIMEDOUT);
    EQ(c, get(c, &p, 10, hepta_in_ms(-5)), -ETIMEDOUT);
    EQ(c, put(c, &p, 10, 1), 10); /* what need not wait doesn't look at it */
    EQ(c, get(c, &p, 10, 1), 10);
    fill(c, &p);
    EQ(c, put(c, &p, 10, 1), -ETIMEDOUT);
    close_both(c, &p);
}

static void not_needed(struct conf *c)
{
    struct pipe_pair p;
    int64_t deadline = hepta_in_ms(600000);

    make(c, &p);
    EQ(c, put(c, &p, 10, deadline), 10);
    EQ(c, get(c, &p, 10, deadline), 10);
    close_w(c, &p);
    EQ(c, get(c, &p, 10, deadline), 0);
    close_r(c, &p);
    make(c, &p);
    fill(c, &p);
    close_r(c, &p);
    EQ(c, put(c, &p, 10, deadline), -EPIPE);
    close_w(c, &p);
}

static void data_in_time(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        close_w(c, &p);
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, hepta_in_ms(600000)), 4);
        conf_set(c, 1, 1);
        EQ(c, get(c, &p, 10, hepta_in_ms(600000)), 0);
        conf_exit();
    }
    close_r(c, &p);
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 4, EVER), 4);
    conf_asleep_after(c, child, 1);
    close_w(c, &p);
    conf_join(c, child);
}

static void room_in_time(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    fill(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, put(c, &p, 100000, hepta_in_ms(600000)), 100000);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    get_all(c, &p, CAPACITY);
    get_all(c, &p, 100000);
    conf_join(c, child);
    close_both(c, &p);
}

/* A deadline beyond what the clock can count is none. */
static void far(struct conf *c)
{
    struct pipe_pair p;

    OK(c, hepta_in_ms(INT64_MAX) < HEPTA_FOREVER && hepta_in_ms(INT64_MAX) > hepta_now_ns());
    OK(c, hepta_in_ns(INT64_MAX) < HEPTA_FOREVER && hepta_in_us(INT64_MAX) < HEPTA_FOREVER);
    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        conf_set(c, 0, 1);
        EQ(c, get(c, &p, 10, hepta_in_ms(INT64_MAX)), 3);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 3, hepta_in_ms(INT64_MAX)), 3);
    conf_join(c, child);
    close_both(c, &p);
}

/* Several wait with different deadlines: each gives up in its own time. */
static void each_its_own(struct conf *c)
{
    enum { N = 4 };
    struct pipe_pair p;
    pid_t child[N];

    make(c, &p);
    for (int i = 0; i < N; i++) {
        child[i] = conf_fork(c);
        if (child[i] == 0) {
            int64_t deadline = hepta_in_ms(20 * (i + 1));

            EQ(c, get(c, &p, 10, deadline), -ETIMEDOUT);
            OK(c, hepta_now_ns() >= deadline);
            conf_exit();
        }
    }
    for (int i = 0; i < N; i++)
        conf_join(c, child[i]);
    close_both(c, &p);
}

const struct conf_case pipe_deadline_cases[] = {
    {"deadline.read_times_out", read_times_out, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.write_times_out", write_times_out, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.small_write_whole", small_write_whole, NEEDS_HEPTA, NULL, NULL, 0},
    {"deadline.large_write_count", large_write_count, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.past", past, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.not_needed", not_needed, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.data_in_time", data_in_time, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.room_in_time", room_in_time, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.far", far, NEEDS_VERBS, NULL, NULL, 0},
    {"deadline.each_its_own", each_its_own, NEEDS_VERBS | NEEDS_MANY, NULL, NULL, 0},
    {0},
};
