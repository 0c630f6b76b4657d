/* SPDX-License-Identifier: MIT */
/*
 * pipe_cases_block.c - when a call waits, when it fails instead, and how much it moves: the
 * table in pipe(7) of O_NONBLOCK and n <= or > PIPE_BUF, each entry from several sides
 */
#define _GNU_SOURCE
#include "pipe_room.h"

#include <errno.h>

#define FREE_AT_END 96 /* what nearly_fill() leaves, in one page */

/* Room for FREE_AT_END bytes, counted in bytes as well as in the kernel's pages. */
static size_t nearly_fill(struct conf *c, struct pipe_pair *p)
{
    for (int i = 0; i < CAPACITY / ATOMIC - 1; i++)
        EQ(c, put(c, p, ATOMIC, NOW), ATOMIC);
    EQ(c, put(c, p, ATOMIC - FREE_AT_END, NOW), ATOMIC - FREE_AT_END);
    return CAPACITY - FREE_AT_END;
}

static void empty_read_waits(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, get_after(c, &p, 100, 0), 10);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 10, EVER), 10);
    conf_join(c, child);
    close_both(c, &p);
}

static void full_write_waits(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put_after(c, &p, 100, 0), 100);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, used(c, &p), CAPACITY);
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
    conf_join(c, child);
    close_w(c, &p);
    get_all(c, &p, CAPACITY - ATOMIC + 100);
    EQ(c, get(c, &p, 1, EVER), 0);
    close_r(c, &p);
}

static void small_write_waits_whole(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    size_t n = nearly_fill(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put_after(c, &p, 2 * FREE_AT_END, 0), 2 * FREE_AT_END);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, used(c, &p), n); /* nothing of it is in, though a part would fit */
    EQ(c, get(c, &p, ATOMIC, EVER), ATOMIC);
    conf_join(c, child);
    EQ(c, used(c, &p), n - ATOMIC + 2 * FREE_AT_END);
    close_both(c, &p);
}

static void large_write_waits_for_all(struct conf *c)
{
    enum { LEN = 300000 };
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put_after(c, &p, LEN, 0), LEN);
        conf_set(c, 1, 1);
        conf_exit();
    }
    for (int left = LEN; left > CAPACITY; left -= 20000) {
        conf_asleep_after(c, child, 0);
        EQ(c, conf_get(c, 1), 0);
        get_all(c, &p, 20000);
    }
    conf_join(c, child);
    EQ(c, used(c, &p), 60000);
    close_both(c, &p);
}

static void large_write_starts_at_once(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, put_after(c, &p, CAPACITY + 1, 0), CAPACITY + 1);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, used(c, &p), CAPACITY);
    get_all(c, &p, CAPACITY + 1);
    conf_join(c, child);
    close_both(c, &p);
}

static void read_takes_what_is_there(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    pid_t child = conf_fork(c);
    if (child == 0) {
        EQ(c, get_after(c, &p, 1000, 0), 1);
        EQ(c, get(c, &p, 1000, EVER), 5);
        conf_exit();
    }
    conf_asleep_after(c, child, 0);
    EQ(c, put(c, &p, 1, EVER), 1);
    conf_asleep(c, child);
    EQ(c, put(c, &p, 5, EVER), 5);
    conf_join(c, child);
    close_both(c, &p);
}

static void no_lost_wakeups(struct conf *c)
{
    enum { N = 3000 };
    struct pipe_pair there, back;

    make(c, &there);
    make(c, &back);
    pid_t child = conf_fork(c);
    if (child == 0) {
        for (int i = 0; i < N; i++) {
            EQ(c, get(c, &there, 1, EVER), 1);
            EQ(c, put(c, &back, 1, EVER), 1);
        }
        conf_exit();
    }
    for (int i = 0; i < N; i++) {
        EQ(c, put(c, &there, 1, EVER), 1);
        EQ(c, get(c, &back, 1, EVER), 1);
    }
    conf_join(c, child);
    close_both(c, &there);
    close_both(c, &back);
}

static void now_empty_read(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    EQ(c, put(c, &p, 5, NOW), 5);
    EQ(c, get(c, &p, 100, NOW), 5);
    EQ(c, get(c, &p, 100, NOW), -EAGAIN);
    close_both(c, &p);
}

static void now_small_fits(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    nearly_fill(c, &p);
    EQ(c, put(c, &p, FREE_AT_END, NOW), FREE_AT_END);
    EQ(c, put(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void now_small_whole_or_not(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    size_t n = nearly_fill(c, &p);
    EQ(c, put(c, &p, FREE_AT_END + 1, NOW), -EAGAIN);
    EQ(c, put(c, &p, ATOMIC, NOW), -EAGAIN);
    EQ(c, used(c, &p), n);
    get_all(c, &p, n);
    EQ(c, get(c, &p, 1, NOW), -EAGAIN);
    close_both(c, &p);
}

static void now_full(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, fill(c, &p), CAPACITY);
    EQ(c, put(c, &p, 1, NOW), -EAGAIN);
    EQ(c, put(c, &p, ATOMIC, NOW), -EAGAIN);
    EQ(c, put(c, &p, ATOMIC + 1, NOW), -EAGAIN);
    EQ(c, put(c, &p, MAX_PUT, NOW), -EAGAIN);
    close_both(c, &p);
}

static void now_large_partial(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    EQ(c, put(c, &p, 100000, NOW), CAPACITY);
    EQ(c, put(c, &p, 100000, NOW), -EAGAIN);
    get_all(c, &p, 2 * ATOMIC);
    EQ(c, put(c, &p, 100000, NOW), 2 * ATOMIC);
    get_all(c, &p, CAPACITY);
    EQ(c, put(c, &p, ATOMIC + 1, NOW), ATOMIC + 1);
    close_both(c, &p);
}

/* The kernel has room in whole pages only, once a write doesn't end in the last one. */
static void now_large_into_a_gap(struct conf *c)
{
    struct pipe_pair p;

    make(c, &p);
    nearly_fill(c, &p);
    EQ(c, put(c, &p, 2 * ATOMIC, NOW), DIFFERS(c, -EAGAIN, FREE_AT_END));
    close_both(c, &p);
}

const struct conf_case pipe_block_cases[] = {
    {"block.empty_read_waits", empty_read_waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.full_write_waits", full_write_waits, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.small_write_waits_whole", small_write_waits_whole, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.large_write_waits_for_all", large_write_waits_for_all, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.large_write_starts", large_write_starts_at_once, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.read_takes_what_is_there", read_takes_what_is_there, NEEDS_NOTHING, NULL, NULL, 0},
    {"block.no_lost_wakeups", no_lost_wakeups, NEEDS_NOTHING, NULL, NULL, 20},
    {"now.empty_read", now_empty_read, NEEDS_NOTHING, NULL, NULL, 0},
    {"now.small_fits", now_small_fits, NEEDS_NOTHING, NULL, NULL, 0},
    {"now.small_whole_or_not", now_small_whole_or_not, NEEDS_NOTHING, NULL, NULL, 0},
    {"now.full", now_full, NEEDS_NOTHING, NULL, NULL, 0},
    {"now.large_partial", now_large_partial, NEEDS_NOTHING, NULL, NULL, 0},
    {"now.large_into_a_gap", now_large_into_a_gap, NEEDS_NOTHING, "bytes-not-pages", NULL, 0},
    {0},
};
